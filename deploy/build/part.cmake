# prt_part(NEEDS part... USES library...)
#
# Makes a static library of the folder's *.c (main.c apart). The folder's path,
# without a leading common/, is both its door ("store/store.h", "workers/qa/qa.h")
# and, with _ for /, its target. Headers are found through links only, so an
# include of a part that is not in NEEDS does not compile.
function(prt_part)
    cmake_parse_arguments(PART "" "" "NEEDS;USES" ${ARGN})
    file(RELATIVE_PATH door ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
    string(REGEX REPLACE "^common/" "" door ${door})
    string(REPLACE "/" "_" name ${door})

    file(GLOB sources CONFIGURE_DEPENDS *.c)
    list(FILTER sources EXCLUDE REGEX "/main\\.c$")
    if(sources)
        add_library(${name} STATIC ${sources})
        set(scope PUBLIC)
        target_link_libraries(${name} PRIVATE ${PART_USES})
    else()
        add_library(${name} INTERFACE)
        set(scope INTERFACE)
    endif()

    set(root ${CMAKE_BINARY_DIR}/parts/${name})
    get_filename_component(parent ${root}/${door} DIRECTORY)
    file(MAKE_DIRECTORY ${parent})
    file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${root}/${door} SYMBOLIC)
    target_include_directories(${name} ${scope} ${root})
    target_link_libraries(${name} ${scope} ${PART_NEEDS})
    if(NOT name STREQUAL "schemas")
        target_link_libraries(${name} ${scope} schemas)
    endif()
endfunction()
