# Images of the native board: their settings, their programs, and the files an ESP-IDF build directory has.
#
#   native_sdkconfig(NAME DEFAULTS)            build/NAME/sdkconfig{,.h,.json} and the target sdkconfig_NAME that includes it
#   native_image(NAME VERSION V [DEFAULTS F])  build/NAME/hil_app.{elf,bin} and what describes them to flashing tools
#
# DEFAULTS is a file beside firmware/sdkconfig.defaults that is laid over it, or "".

get_filename_component(HIL_FIRMWARE_DIR "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
set(HIL_PROJECT_NAME hil_app)
if(NOT ESP_HTTP_SERVER_KCONFIG) # an ESP-IDF's own server comes with its own options
    set(ESP_HTTP_SERVER_KCONFIG "${HIL_FIRMWARE_DIR}/native/esp_http_server/Kconfig")
endif()
if(NATIVE_ASAN) # with what AddressSanitizer adds, an image does not fit into a slot of 4 MB
    set(HIL_FLASH_SIZE 8MB)
    set(HIL_PARTITIONS "${HIL_FIRMWARE_DIR}/native/partitions.asan.csv")
else()
    set(HIL_FLASH_SIZE 4MB)
    set(HIL_PARTITIONS "${HIL_FIRMWARE_DIR}/partitions.csv")
endif()

function(native_sdkconfig NAME EXTRA_DEFAULTS)
    set(dir "${CMAKE_BINARY_DIR}/${NAME}")
    set(inputs
        "${HIL_FIRMWARE_DIR}/native/Kconfig"
        "${ESP_HTTP_SERVER_KCONFIG}"
        "${HIL_FIRMWARE_DIR}/main/Kconfig.projbuild"
        "${HIL_FIRMWARE_DIR}/components/httpd_graceful_stop/Kconfig"
        "${HIL_FIRMWARE_DIR}/sdkconfig.defaults")
    set(defaults --defaults "${HIL_FIRMWARE_DIR}/sdkconfig.defaults")
    if(EXTRA_DEFAULTS)
        list(APPEND inputs "${HIL_FIRMWARE_DIR}/${EXTRA_DEFAULTS}")
        list(APPEND defaults --defaults "${HIL_FIRMWARE_DIR}/${EXTRA_DEFAULTS}")
    endif()
    set_property(DIRECTORY "${CMAKE_SOURCE_DIR}" APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${inputs})

    # Generated beside the real ones first: an unchanged header must keep its time, or everything is compiled again.
    file(MAKE_DIRECTORY "${dir}/sdkconfig.new")
    execute_process(
        COMMAND ${PYTHON} -m kconfgen
            --kconfig "${HIL_FIRMWARE_DIR}/native/Kconfig"
            --env "HIL_FIRMWARE_DIR=${HIL_FIRMWARE_DIR}"
            --env "ESP_HTTP_SERVER_KCONFIG=${ESP_HTTP_SERVER_KCONFIG}"
            ${defaults}
            --output header "${dir}/sdkconfig.new/sdkconfig.h"
            --output config "${dir}/sdkconfig.new/sdkconfig"
            --output json "${dir}/sdkconfig.new/sdkconfig.json"
        RESULT_VARIABLE failed
        OUTPUT_VARIABLE said
        ERROR_VARIABLE said)
    if(NOT failed STREQUAL "0")
        message(FATAL_ERROR "kconfgen of the image '${NAME}' failed (${failed}). PYTHON='${PYTHON}' must have the "
                            "package esp-idf-kconfig.\n${said}")
    endif()
    # kconfgen only warns about a setting that no Kconfig declares; here it would silently be lost.
    if(said MATCHES "unknown kconfig symbol '([A-Z0-9_]+)'")
        message(FATAL_ERROR "${CMAKE_MATCH_1} is set for the image '${NAME}', and no Kconfig declares it")
    endif()
    foreach(file sdkconfig.h sdkconfig sdkconfig.json)
        file(COPY_FILE "${dir}/sdkconfig.new/${file}" "${dir}/${file}" ONLY_IF_DIFFERENT)
    endforeach()

    add_library(sdkconfig_${NAME} INTERFACE)
    target_include_directories(sdkconfig_${NAME} INTERFACE "${dir}")
endfunction()

# What idf.py, esptool and pytest-embedded read to know a build directory.
function(native_describe_image NAME VERSION)
    set(dir "${CMAKE_BINARY_DIR}/${NAME}")
    file(CONFIGURE OUTPUT "${dir}/flasher_args.json" CONTENT [[
{
  "write_flash_args": [],
  "flash_settings": {"flash_mode": "dio", "flash_size": "@HIL_FLASH_SIZE@", "flash_freq": "40m"},
  "flash_files": {"0x8000": "partition-table.bin", "0x20000": "hil_app.bin"},
  "partition-table": {"offset": "0x8000", "file": "partition-table.bin", "encrypted": "false"},
  "app": {"offset": "0x20000", "file": "hil_app.bin", "encrypted": "false"},
  "extra_esptool_args": {"chip": "linux", "stub": false}
}
]] @ONLY)
    file(CONFIGURE OUTPUT "${dir}/project_description.json" CONTENT [[
{
  "version": "1.2",
  "project_name": "@HIL_PROJECT_NAME@",
  "project_version": "@VERSION@",
  "target": "linux",
  "build_dir": "@dir@",
  "config_file": "@dir@/sdkconfig",
  "app_elf": "hil_app.elf",
  "app_bin": "hil_app.bin"
}
]] @ONLY)
endfunction()

function(native_image NAME)
    cmake_parse_arguments(PARSE_ARGV 1 image "" "VERSION;DEFAULTS" "")
    set(dir "${CMAKE_BINARY_DIR}/${NAME}")
    if(NOT TARGET sdkconfig_${NAME})
        native_sdkconfig(${NAME} "${image_DEFAULTS}")
    endif()

    # main and the component as they are built for a chip: their own source lists, nothing added.
    file(GLOB sources CONFIGURE_DEPENDS
        "${HIL_FIRMWARE_DIR}/main/*.c"
        "${HIL_FIRMWARE_DIR}/components/httpd_graceful_stop/src/*.c")
    add_executable(hil_app_${NAME} ${sources} "${HIL_FIRMWARE_DIR}/native/flash/app_desc.c")
    set_target_properties(hil_app_${NAME} PROPERTIES
        OUTPUT_NAME hil_app SUFFIX .elf RUNTIME_OUTPUT_DIRECTORY "${dir}")
    target_compile_options(hil_app_${NAME} PRIVATE ${NATIVE_WARNINGS})
    target_compile_definitions(hil_app_${NAME} PRIVATE
        PROJECT_NAME="${HIL_PROJECT_NAME}" PROJECT_VER="${image_VERSION}")
    # This image's settings before the release image's, which the ports were compiled with and pass on.
    target_include_directories(hil_app_${NAME} BEFORE PRIVATE
        "${dir}"
        "${HIL_FIRMWARE_DIR}/components/httpd_graceful_stop/include"
        "${CJSON_INCLUDE_DIR}")
    target_link_libraries(hil_app_${NAME} PRIVATE
        freertos idf lwip netif flash esp_http_server esp_https_server esp_http_client esp_tls
        tcp_transport mqtt
        "${MBEDCRYPTO_LIBRARY}" "${CJSON_LIBRARY}" Threads::Threads)

    set(tools "${HIL_FIRMWARE_DIR}/native/tools")
    set(native_idf "")
    if(ESP_IDF_VERSION) # where the server is an ESP-IDF's own: cmake/esp_idf.cmake
        set(native_idf --idf "v${ESP_IDF_VERSION}")
    endif()
    add_custom_command(
        OUTPUT "${dir}/hil_app.bin"
        COMMAND ${CMAKE_OBJCOPY} --strip-debug "$<TARGET_FILE:hil_app_${NAME}>" "${dir}/hil_app.stripped.elf"
        COMMAND ${PYTHON} "${tools}/esp_image.py" make "${dir}/hil_app.stripped.elf" "${dir}/hil_app.bin"
            --version "${image_VERSION}" --project "${HIL_PROJECT_NAME}" ${native_idf}
            --elf-original "$<TARGET_FILE:hil_app_${NAME}>"
        DEPENDS hil_app_${NAME} "${tools}/esp_image.py"
        VERBATIM)
    add_custom_command(
        OUTPUT "${dir}/partition-table.bin"
        COMMAND ${PYTHON} "${tools}/gen_partition_table.py" --flash-size ${HIL_FLASH_SIZE} "${HIL_PARTITIONS}"
            "${dir}/partition-table.bin"
        DEPENDS "${HIL_PARTITIONS}" "${tools}/gen_partition_table.py"
        VERBATIM)
    add_custom_target(image_${NAME} ALL DEPENDS "${dir}/hil_app.bin" "${dir}/partition-table.bin")
    native_describe_image(${NAME} "${image_VERSION}")
endfunction()

# Static where there is one: an image is whole, and what mbedTLS allocates comes from the board's heap.
find_library(MBEDCRYPTO_LIBRARY NAMES libmbedcrypto.a mbedcrypto REQUIRED)
find_library(CJSON_LIBRARY NAMES cjson REQUIRED)
find_path(CJSON_INCLUDE_DIR NAMES cJSON.h PATH_SUFFIXES cjson REQUIRED)
