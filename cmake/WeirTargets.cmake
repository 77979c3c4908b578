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

# Profile-guided optimisation, see tools/pgo. Names of the profile's files do not depend on the folder of
# the build (-fprofile-prefix-path), so that another may use them. A profile of other sources is an error
# (coverage-mismatch); what was never run is optimised as without a profile (partial training).
set(WEIR_PGO_COMPILE)
set(WEIR_PGO_LINK)
if(WEIR_PGO)
  if(NOT CMAKE_C_COMPILER_ID STREQUAL "GNU" OR CMAKE_C_COMPILER_VERSION VERSION_LESS 12)
    message(FATAL_ERROR "WEIR_PGO needs gcc 12 or newer, not ${CMAKE_C_COMPILER}")
  endif()
  if(WEIR_PGO STREQUAL "train")
    set(WEIR_PGO_COMPILE -fprofile-generate=${WEIR_PGO_PROFILE} -fprofile-update=prefer-atomic
      -fprofile-prefix-path=${CMAKE_BINARY_DIR})
    set(WEIR_PGO_LINK -fprofile-generate)
  elseif(WEIR_PGO STREQUAL "use")
    file(GLOB profile ${WEIR_PGO_PROFILE}/*.gcda)
    if(NOT profile)
      message(FATAL_ERROR
        "There is no profile in ${WEIR_PGO_PROFILE}: `tools/pgo` makes one, and builds with it")
    endif()
    set(WEIR_PGO_COMPILE -fprofile-use=${WEIR_PGO_PROFILE} -fprofile-partial-training
      -fprofile-prefix-path=${CMAKE_BINARY_DIR} -Wno-missing-profile -Werror=coverage-mismatch)
    set(WEIR_PGO_LINK -fprofile-use=${WEIR_PGO_PROFILE})
  else()
    message(FATAL_ERROR "WEIR_PGO is train or use, not ${WEIR_PGO}")
  endif()
endif()

# weir_require(VAR HEADER LIBRARY PACKAGE): VAR is the library, VAR_INCLUDE the folder of its header;
# where there is none an error names Debian's package.
function(weir_require var header library package)
  find_path(${var}_INCLUDE ${header})
  find_library(${var} ${library})
  if(NOT ${var}_INCLUDE OR NOT ${var})
    message(FATAL_ERROR "Weir needs lib${library} and <${header}>: on Debian, apt-get install ${package}")
  endif()
endfunction()

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
      "$<$<CONFIG:Release,RelWithDebInfo>:${WEIR_HARDENING};-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=3>"
      "$<$<CONFIG:Release,RelWithDebInfo>:-fno-plt>") # nothing is bound lazily (now): the stubs are a detour
    target_compile_options(${target} PRIVATE ${WEIR_PGO_COMPILE})
    target_link_options(${target} PRIVATE -Wl,-z,relro,-z,now ${WEIR_PGO_LINK})
  endif()
  if(WEIR_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
  if(WEIR_COVERAGE)
    target_compile_options(${target} PRIVATE --coverage)
    target_link_options(${target} PRIVATE --coverage)
  endif()
endfunction()

# An archive of slim objects of gcc, or of clang's bitcode, can be linked by that compiler alone. So
# objects hold machine code too, and where a compiler cannot do both, machine code alone.
function(weir_machine_code target)
  if(NOT CMAKE_INTERPROCEDURAL_OPTIMIZATION)
    return()
  endif()
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -ffat-lto-objects)
  else()
    set_target_properties(${target} PROPERTIES INTERPROCEDURAL_OPTIMIZATION OFF)
  endif()
endfunction()

# weir_objects(NAME file...): compiled once, for all libraries that they are put into.
function(weir_objects name)
  add_library(${name}_objects OBJECT ${ARGN})
  target_include_directories(${name}_objects PRIVATE
    ${PROJECT_SOURCE_DIR}/core ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
  weir_compile_options(${name}_objects)
  weir_machine_code(${name}_objects)
  set_property(GLOBAL APPEND PROPERTY WEIR_OBJECTS $<TARGET_OBJECTS:${name}_objects>)
endfunction()

# weir_layer(NAME [USES layer...] SOURCES file...): the static library wr_NAME, for what must link
# against nothing above it; and a part of libweir.
function(weir_layer name)
  cmake_parse_arguments(arg "" "" "SOURCES;USES" ${ARGN})
  weir_objects(wr_${name} ${arg_SOURCES})
  add_library(wr_${name} STATIC $<TARGET_OBJECTS:wr_${name}_objects>)
  set_target_properties(wr_${name} PROPERTIES LINKER_LANGUAGE C)
  target_include_directories(wr_${name} PUBLIC
    ${PROJECT_SOURCE_DIR}/core ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(wr_${name} PUBLIC Threads::Threads)
  foreach(used IN LISTS arg_USES)
    target_link_libraries(wr_${name} PUBLIC wr_${used})
  endforeach()
endfunction()

# weir_library(TARGET SHARED|STATIC): libweir, of the objects of all layers; for hosts weir::TARGET.
function(weir_library target kind)
  get_property(objects GLOBAL PROPERTY WEIR_OBJECTS)
  add_library(${target} ${kind} ${objects})
  add_library(weir::${target} ALIAS ${target})
  set_target_properties(${target} PROPERTIES OUTPUT_NAME weir LINKER_LANGUAGE C)
  target_include_directories(${target} INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
  target_link_libraries(${target} PRIVATE Threads::Threads ${CMAKE_DL_LIBS}
    $<BUILD_INTERFACE:${WEIR_JANSSON}> $<INSTALL_INTERFACE:jansson>
    $<BUILD_INTERFACE:${WEIR_ZLIB}> $<INSTALL_INTERFACE:z>
    $<BUILD_INTERFACE:${WEIR_BROTLI}> $<INSTALL_INTERFACE:brotlienc>
    $<BUILD_INTERFACE:${WEIR_ZSTD}> $<INSTALL_INTERFACE:zstd>)
  weir_compile_options(${target})
endfunction()
