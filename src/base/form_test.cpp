#include "slipway/base/form.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slipway {
namespace {

TEST(Form, NotesEverythingThatIsWrongAtOnce) {
  auto form = Form::parse(R"({"email":5,"nmae":"x","tags":["a",1]})");
  ASSERT_TRUE(form.ok());
  form->required_text("email", 100);
  form->required_text("password", 100);
  form->text("name", 100);
  form->texts("tags", 5, 10);
  const Status status = form->finish();
  ASSERT_FALSE(status.ok());
  std::vector<std::string> pointers;
  for (const FieldError& field : status.error().fields()) pointers.push_back(field.pointer);
  EXPECT_THAT(pointers, testing::ElementsAre("#/email", "#/password", "#/tags/1", "#/nmae"));
  EXPECT_THAT(status.error().fields().back().detail, testing::HasSubstr("did you mean \"name\""));
}

TEST(Form, NullIsAsAbsent) {
  auto form = Form::parse(R"({"name":null})");
  EXPECT_EQ(form->text("name", 10), std::nullopt);
  EXPECT_TRUE(form->finish().ok());
}

TEST(Form, ReadsTimesWithAZoneAndNothingElse) {
  EXPECT_EQ(from_rfc3339("2023-11-14T22:13:20.123Z"), 1'700'000'000'123);
  EXPECT_EQ(from_rfc3339("2023-11-15T00:13:20+02:00"), 1'700'000'000'000);
  for (const char* text :
       {"", "2023-11-14", "2023-11-14T22:13:20", "2023-13-14T22:13:20Z", "2023-11-14T22:13:20+0200", "tomorrow", "2023-11-14T2a:13:20Z"}) {
    EXPECT_EQ(from_rfc3339(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace slipway
