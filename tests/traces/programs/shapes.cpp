// Something modest for the compiler: templates from the standard library and a
// small class hierarchy.
#include <memory>
#include <string>
#include <vector>

struct Shape {
  virtual ~Shape() = default;
  virtual double area() const = 0;
};
struct Square : Shape {
  explicit Square(double side) : side(side) {}
  double area() const override { return side * side; }
  double side;
};
struct Circle : Shape {
  explicit Circle(double radius) : radius(radius) {}
  double area() const override { return 3.14159 * radius * radius; }
  double radius;
};

int main(int argc, char**) {
  std::vector<std::pair<std::string, std::unique_ptr<Shape>>> shapes;
  for (int i = 0; i < argc * 10; ++i) {
    const std::string name = "shape " + std::to_string(i);
    if (i % 2 == 0) {
      shapes.emplace_back(name, std::make_unique<Square>(i));
    } else {
      shapes.emplace_back(name, std::make_unique<Circle>(i));
    }
  }
  double sum = 0;
  for (const auto& [name, shape] : shapes) sum += shape->area() * static_cast<double>(name.size());
  return sum > 1000 ? 0 : 1;
}
