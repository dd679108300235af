// A strict reader of JSON for tests: every line that the shell prints in json
// mode goes through it, so that what no other program could read fails a test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace heapscope::shell::test {

/// The text is no JSON, or a value is not what the test takes it for.
struct JsonError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A value. The accessors throw where it is of another kind: they test the type.
/// What is read from a temporary value is a copy, so that a test may write
/// `for (… : rig.json("atags").result["tags"].items())`.
class Json {
 public:
  /// Reads exactly one value and nothing beside it, with no blank between its
  /// parts. Stricter than JSON where the shell's contract is: numbers are
  /// integers that are not negative, and no name occurs twice in an object.
  [[nodiscard]] static Json parse(std::string_view text);

  [[nodiscard]] bool is_null() const { return kind_ == Kind::null; }
  [[nodiscard]] bool boolean() const;
  [[nodiscard]] std::uint64_t number() const;
  [[nodiscard]] const std::string& text() const&;
  [[nodiscard]] std::string text() && { return lvalue().text(); }
  /// The number in a text like "0x1f0".
  [[nodiscard]] std::uint64_t address() const;

  /// The items of an array, or the values of an object's members.
  [[nodiscard]] const std::vector<Json>& items() const&;
  [[nodiscard]] std::vector<Json> items() && { return lvalue().items(); }
  [[nodiscard]] std::size_t size() const { return items().size(); }
  [[nodiscard]] const Json& operator[](std::size_t i) const&;
  [[nodiscard]] Json operator[](std::size_t i) && { return lvalue()[i]; }

  /// The names of an object's members, in their order.
  [[nodiscard]] const std::vector<std::string>& names() const&;
  [[nodiscard]] std::vector<std::string> names() && { return lvalue().names(); }
  [[nodiscard]] bool has(std::string_view name) const;
  [[nodiscard]] const Json& operator[](std::string_view name) const&;
  [[nodiscard]] Json operator[](std::string_view name) && { return lvalue()[name]; }

 private:
  enum class Kind : std::uint8_t { null, boolean, number, text, array, object };
  friend class JsonReader;

  [[nodiscard]] const Json& lvalue() const { return *this; }
  void expect(Kind kind, const char* what) const {
    if (kind_ != kind) throw JsonError(std::string("not ") + what);
  }

  Kind kind_ = Kind::null;
  std::uint64_t number_ = 0;
  std::string text_;
  std::vector<Json> items_;
  std::vector<std::string> names_;
};

}  // namespace heapscope::shell::test
