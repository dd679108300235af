// The names of the tags.
#include "atags/tag.hpp"

namespace heapscope::atags {

std::string_view tag_name(std::uint32_t id) {
  switch (static_cast<TagId>(id)) {
    case TagId::none:
      return "NONE";
    case TagId::core:
      return "CORE";
    case TagId::mem:
      return "MEM";
    case TagId::video_text:
      return "VIDEOTEXT";
    case TagId::ramdisk:
      return "RAMDISK";
    case TagId::initrd2:
      return "INITRD2";
    case TagId::serial:
      return "SERIAL";
    case TagId::revision:
      return "REVISION";
    case TagId::video_lfb:
      return "VIDEOLFB";
    case TagId::cmd_line:
      return "CMDLINE";
  }
  return "UNKNOWN";
}

}  // namespace heapscope::atags
