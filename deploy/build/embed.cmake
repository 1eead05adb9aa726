# cmake -DOUT=page.c -DHEADER=gateway/api/page.h -DPREFIX=page_ -DFILES=a;b -P embed.cmake
#
# A C file with each file's bytes as `const struct bytes <prefix><name>`, dots as underscores.
set(text "/* made from ${FILES} */\n#include \"${HEADER}\"\n")
foreach(file ${FILES})
    get_filename_component(name ${file} NAME)
    string(REGEX REPLACE "[^A-Za-z0-9]" "_" name ${name})
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "(................................................................)" "\\1\n" hex "${hex}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
    string(APPEND text "\nstatic const uint8_t bytes_${name}[] = {\n${hex}0};\n"
           "const struct bytes ${PREFIX}${name} = {bytes_${name}, sizeof(bytes_${name}) - 1};\n")
endforeach()
file(WRITE ${OUT} "${text}")
