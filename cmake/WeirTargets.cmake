# How targets of this project are made. Nothing here touches the flags of a project around it.

find_package(Threads REQUIRED)

# Warnings on which gcc 12 and clang 14 agree; errors only in the presets that developers and CI use.
set(WEIR_WARNINGS
  -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes
  -Wold-style-definition -Wvla -Walloca -Wformat=2 -Wundef -Wcast-qual -Wpointer-arith
  -Wwrite-strings -Wimplicit-fallthrough -Wdouble-promotion -Wnull-dereference)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  list(APPEND WEIR_WARNINGS -Wduplicated-cond -Wduplicated-branches -Wlogical-op
    -Wjump-misses-init)
endif()

set(WEIR_HARDENING -fstack-protector-strong -fstack-clash-protection)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND WEIR_HARDENING -fcf-protection)
endif()

# Language, warnings, hardening and instrumentation of one target.
function(weir_compile_options target)
  set_target_properties(${target} PROPERTIES
    C_STANDARD 17 C_STANDARD_REQUIRED ON C_EXTENSIONS ON
    C_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON)
  target_compile_options(${target} PRIVATE ${WEIR_WARNINGS})
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
  if(WEIR_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${WEIR_SANITIZE} -fno-omit-frame-pointer
      -fno-sanitize-recover=all)
    target_link_options(${target} PRIVATE -fsanitize=${WEIR_SANITIZE})
  else()
    target_compile_options(${target} PRIVATE
      "$<$<CONFIG:Release,RelWithDebInfo>:${WEIR_HARDENING};-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=3>")
    target_link_options(${target} PRIVATE -Wl,-z,relro,-z,now)
  endif()
  if(WEIR_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
  if(WEIR_COVERAGE)
    target_compile_options(${target} PRIVATE --coverage)
    target_link_options(${target} PRIVATE --coverage)
  endif()
endfunction()

# weir_layer(NAME [USES layer...] SOURCES file...): the static library wr_NAME.
function(weir_layer name)
  cmake_parse_arguments(arg "" "" "SOURCES;USES" ${ARGN})
  add_library(wr_${name} STATIC ${arg_SOURCES})
  target_include_directories(wr_${name} PUBLIC
    ${PROJECT_SOURCE_DIR}/core ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(wr_${name} PUBLIC Threads::Threads)
  foreach(used IN LISTS arg_USES)
    target_link_libraries(wr_${name} PUBLIC wr_${used})
  endforeach()
  weir_compile_options(wr_${name})
endfunction()
