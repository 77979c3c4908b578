# What `cmake --install` puts where. The tree that it makes may be moved: nothing in it names a folder
# of the machine that built it. Components: `headers` is weir/app.h and what is made of
# it, all that a plugin is built from; `runtime` is libweir.so; `development` the rest of the library;
# what is unnamed is of the program.

include(CMakePackageConfigHelpers)

set(WEIR_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/weir)

# ---- the program ---------------------------------------------------------------------------------

install(TARGETS weir_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
foreach(page IN ITEMS weir.1 weir.conf.5 weir_app.3 weir_server.3)
  string(REGEX MATCH "[1-9]$" section ${page})
  install(FILES docs/${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
install(DIRECTORY www/ DESTINATION ${CMAKE_INSTALL_DATADIR}/weir/www)

# ---- headers and libraries -----------------------------------------------------------------------

foreach(header IN ITEMS app sse)
  install(FILES include/weir/${header}.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/weir
    COMPONENT headers)
endforeach()
foreach(header IN ITEMS error server test version weir)
  install(FILES include/weir/${header}.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/weir
    COMPONENT development)
endforeach()
install(TARGETS weir weir_static EXPORT weirTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT development
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# Only the gcc that wrote it can read what link-time optimisation has left in an archive, and any
# other refuses to link it with -flto. Without it, it is ordinary machine code for everybody.
if(CMAKE_INTERPROCEDURAL_OPTIMIZATION AND CMAKE_OBJCOPY)
  cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_LIBDIR BASE_DIRECTORY "\${CMAKE_INSTALL_PREFIX}"
    OUTPUT_VARIABLE libdir)
  install(CODE "execute_process(COMMAND \"${CMAKE_OBJCOPY}\" --wildcard
    --remove-section=.gnu.lto_* --remove-section=.gnu.debuglto_* --strip-symbol=__gnu_lto_*
    \"\$ENV{DESTDIR}${libdir}/libweir.a\" COMMAND_ERROR_IS_FATAL ANY)" COMPONENT development)
endif()

# ---- find_package --------------------------------------------------------------------------------

install(EXPORT weirTargets NAMESPACE weir:: DESTINATION ${WEIR_CMAKE_DIR} COMPONENT development)
configure_package_config_file(cmake/weirConfig.cmake.in ${PROJECT_BINARY_DIR}/weirConfig.cmake
  INSTALL_DESTINATION ${WEIR_CMAKE_DIR})
# As the soname is: before 1.0 too, a host that asked for 0.1 is given 0.2. Which functions may change
# until then the headers say.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/weirConfigVersion.cmake
  COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/weirConfig.cmake ${PROJECT_BINARY_DIR}/weirConfigVersion.cmake
  DESTINATION ${WEIR_CMAKE_DIR} COMPONENT development)

# ---- pkg-config ----------------------------------------------------------------------------------

# Relative to weir.pc, so that the prefix may be moved; a folder that was given as an absolute one
# stays where it is, and so does a prefix that has its libraries elsewhere.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(WEIR_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
else()
  file(RELATIVE_PATH up /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
  string(REGEX REPLACE "/$" "" up "${up}")
  set(WEIR_PC_PREFIX "\${pcfiledir}/${up}")
endif()
cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_LIBDIR BASE_DIRECTORY "\${prefix}"
  OUTPUT_VARIABLE WEIR_PC_LIBDIR)
cmake_path(ABSOLUTE_PATH CMAKE_INSTALL_INCLUDEDIR BASE_DIRECTORY "\${prefix}"
  OUTPUT_VARIABLE WEIR_PC_INCLUDEDIR)
configure_file(cmake/weir.pc.in ${PROJECT_BINARY_DIR}/weir.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/weir.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
  COMPONENT development)
