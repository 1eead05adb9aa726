# cmake -DSQL=<files> -DOUT=<file.c> -P migrations.cmake
#
# Makes the table of migrations (store_migrations in common/store/store.h) from schemas/sql/NNNN_name.sql.
# Numbers count from 1 without gaps.
list(SORT SQL)
set(texts "")
set(rows "")
set(expected 0)
foreach(file ${SQL})
    get_filename_component(name ${file} NAME_WE)
    math(EXPR expected "${expected} + 1")
    if(NOT name MATCHES "^0*([1-9][0-9]*)_")
        message(FATAL_ERROR "${file}: a migration's name is NNNN_what.sql")
    endif()
    set(number ${CMAKE_MATCH_1})
    if(NOT number EQUAL expected)
        message(FATAL_ERROR "${file}: expected number ${expected}; migrations count from 1 without gaps")
    endif()
    # As numbers: a string literal would need every ; [ and \ of the SQL escaped twice.
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(APPEND texts "static const char sql_${number}[] = {${bytes}0};\n")
    string(APPEND rows "    {${number}, \"${name}\", sql_${number}},\n")
endforeach()
file(WRITE ${OUT} "/* Made from schemas/sql by deploy/build/migrations.cmake. */
#include \"store/store.h\"

${texts}
const struct migration store_migrations[] = {
${rows}};
const size_t store_migration_count = ${expected};
")
