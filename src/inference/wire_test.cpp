#include "slipway/inference/wire.hpp"

#include <gtest/gtest.h>

#include <random>

namespace slipway::inference::wire {
namespace {

std::vector<std::byte> payload_of(std::span<const Tensor> tensors) {
  std::vector<std::byte> bytes(payload_bytes(tensors));
  write_payload(tensors, bytes);
  return bytes;
}

std::vector<Tensor> some_tensors() {
  Tensor flags(DType::boolean, {3});
  flags.bytes()[1] = std::byte{1};
  return {doubles({2, 2}, std::vector<double>{1, 2, 3, 4}), Tensor::of_strings({2, 1}, {"", "text"}), int64s({}, std::vector<std::int64_t>{7}), flags,
          Tensor(DType::float32, {0, 5})};
}

TEST(Wire, CarriesTensorsOfEveryKind) {
  const auto tensors = some_tensors();
  auto read = read_payload(payload_of(tensors));
  ASSERT_TRUE(read.ok());
  ASSERT_EQ(read->size(), tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ((*read)[i].dtype(), tensors[i].dtype());
    EXPECT_EQ((*read)[i].shape(), tensors[i].shape());
    EXPECT_EQ((*read)[i].strings(), tensors[i].strings());
    EXPECT_TRUE(std::equal((*read)[i].bytes().begin(), (*read)[i].bytes().end(), tensors[i].bytes().begin(), tensors[i].bytes().end()));
  }
}

TEST(Wire, RefusesEveryTruncation) {
  const auto whole = payload_of(some_tensors());
  for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(read_payload(std::span(whole).first(n)).ok()) << n;
}

TEST(Wire, RefusesHeadsThatLie) {
  const std::vector<Tensor> one{doubles({2, 2}, std::vector<double>{1, 2, 3, 4})};
  auto lie = [&](auto change) {
    auto bytes = payload_of(one);
    TensorHead head;
    std::memcpy(&head, bytes.data() + 8, sizeof head);
    change(head);
    std::memcpy(bytes.data() + 8, &head, sizeof head);
    return !read_payload(bytes).ok();
  };
  EXPECT_FALSE(lie([](TensorHead&) {}));
  EXPECT_TRUE(lie([](TensorHead& h) { h.dtype = 0; }));
  EXPECT_TRUE(lie([](TensorHead& h) { h.dtype = 250; }));
  EXPECT_TRUE(lie([](TensorHead& h) { h.rank = 9; }));
  EXPECT_TRUE(lie([](TensorHead& h) { h.dims[0] = -2; }));
  EXPECT_TRUE(lie([](TensorHead& h) { h.dims[0] = 3; }));
  EXPECT_TRUE(lie([](TensorHead& h) { h.dims[0] = INT64_MAX; }));
  EXPECT_TRUE(lie([](TensorHead& h) {
    h.dims[0] = INT64_MAX / 2;
    h.dims[1] = 4;
  }));
  EXPECT_TRUE(lie([](TensorHead& h) { h.bytes = 31; }));
  EXPECT_TRUE(lie([](TensorHead& h) { h.bytes = UINT64_MAX; }));
  EXPECT_TRUE(lie([](TensorHead& h) { h.offset = UINT64_MAX - 63; }));
  EXPECT_TRUE(lie([](TensorHead& h) { h.offset += 1; }));
  EXPECT_TRUE(lie([](TensorHead& h) { h.offset += 64; }));
  EXPECT_TRUE(lie([](TensorHead& h) {
    h.dtype = 8;
    h.dims[0] = 1 << 30;
  }));
}

// A payload of n bytes could hold a thousand tensors that each are all of it: the server copied every one.
TEST(Wire, RefusesTensorsThatShareBytes) {
  const std::vector<Tensor> two{doubles({8}, std::vector<double>(8, 1.0)), doubles({8}, std::vector<double>(8, 2.0))};
  auto bytes = payload_of(two);
  ASSERT_TRUE(read_payload(bytes).ok());
  TensorHead first, second;
  std::memcpy(&first, bytes.data() + 8, sizeof first);
  std::memcpy(&second, bytes.data() + 8 + sizeof first, sizeof second);
  second.offset = first.offset;
  std::memcpy(bytes.data() + 8 + sizeof first, &second, sizeof second);
  EXPECT_FALSE(read_payload(bytes).ok());
  first.offset = second.offset = 0;  // over the heads
  std::memcpy(bytes.data() + 8, &first, sizeof first);
  EXPECT_FALSE(read_payload(bytes).ok());
}

TEST(Wire, StandsRandomBytes) {
  std::mt19937_64 random(11);
  const auto good = payload_of(some_tensors());
  for (int i = 0; i < 20'000; ++i) {
    auto bytes = good;
    for (int k = 0; k < 1 + static_cast<int>(random() % 6); ++k) bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    (void)read_payload(bytes);
  }
}

TEST(Wire, ReadsMessagesOfTheRightKindAndSizeOnly) {
  ForkModel model;
  model.id = 9;
  ForkModel back;
  EXPECT_TRUE(read_message(bytes_of(model), back));
  EXPECT_EQ(back.id, 9u);
  ForkImport other;
  EXPECT_FALSE(read_message(bytes_of(model), other));
  EXPECT_FALSE(read_message(bytes_of(model).substr(1), back));
}

}  // namespace
}  // namespace slipway::inference::wire
