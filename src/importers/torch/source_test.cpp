// What a source's own code means before any weights: values of names at its top.
#include <gtest/gtest.h>

#include "slipway/importers/torch/scalars.hpp"
#include "slipway/importers/torch/source_host.hpp"

namespace slipway::importers::torch {
namespace {

// The value of `result` as a text, or what went wrong.
std::string result_of(const std::string& source) {
  const auto parsed = read_sources({{"net.py", source}});
  if (!parsed.ok()) return parsed.error().detail();
  graph::Builder builder("source");
  Net net(builder, true);
  SourceHost host(*parsed);
  Evaluator e(net, host);
  const auto value = host.find_name(e, "result");
  return value.ok() ? to_text(*value) : value.error().detail();
}

TEST(TorchSource, AnExceptClauseIsTakenForWhatPythonItselfWouldRaise) {
  EXPECT_EQ(result_of("def f(x):\n"
                      "    try:\n"
                      "        return x[1]\n"
                      "    except TypeError:\n"
                      "        return 7\n"
                      "result = [f(3), f([4, 5])]\n"),
            "[7, 5]");
  EXPECT_EQ(result_of("def f(d):\n"
                      "    try:\n"
                      "        if d == 0:\n"
                      "            raise ValueError('nothing')\n"
                      "        return {}[d]\n"
                      "    except ValueError:\n"
                      "        return 1\n"
                      "    except:\n"
                      "        return 2\n"
                      "result = [f(0), f(1)]\n"),
            "[1, 2]");
}

TEST(TorchSource, WhatIsNotSupportedLeadsIntoNoExceptClause) {
  const std::string why = result_of(
      "def f():\n"
      "    try:\n"
      "        return name_of_nothing\n"
      "    except Exception:\n"
      "        return 7\n"
      "result = f()\n");
  EXPECT_NE(why.find("name_of_nothing"), std::string::npos) << why;
}

TEST(TorchSource, ALaterEntryOfADictTakesThePlaceOfAnEarlierOne) {
  EXPECT_EQ(result_of("base = {'width': 4, 'depth': 2}\n"
                      "config = {**base, 'width': 8}\n"
                      "def f():\n"
                      "    d = dict(config, depth=3)\n"
                      "    d.update({'width': 16})\n"
                      "    return [config['width'], d['depth'], d['width'], len(d)]\n"
                      "result = f()\n"),
            "[8, 3, 16, 2]");
}

TEST(TorchSource, HyperparametersAreWhatInitIsGiven) {
  EXPECT_EQ(result_of("import pytorch_lightning as pl\n"
                      "class Net(pl.LightningModule):\n"
                      "    def __init__(self, width, depth=3, **more):\n"
                      "        super().__init__()\n"
                      "        self.save_hyperparameters()\n"
                      "        self.all = [self.hparams.width, self.hparams['depth'], self.hparams.rate]\n"
                      "        del self.hparams\n"
                      "result = Net(5, rate=2).all\n"),
            "[5, 3, 2]");
}

TEST(TorchSource, AFunctionWithAGradientOfItsOwnIsItsForward) {
  EXPECT_EQ(result_of("from torch.autograd import Function\n"
                      "class Reverse(Function):\n"
                      "    @staticmethod\n"
                      "    def forward(ctx, x, alpha):\n"
                      "        ctx.alpha = alpha\n"
                      "        ctx.save_for_backward(x)\n"
                      "        return x + ctx.alpha\n"
                      "    @staticmethod\n"
                      "    def backward(ctx, grad):\n"
                      "        return -grad, None\n"
                      "result = Reverse.apply(3, 4)\n"),
            "7");
}

TEST(TorchSource, AModuleDictIsAskedForItsNames) {
  EXPECT_EQ(result_of("import torch.nn as nn\n"
                      "layers = nn.ModuleDict({'norm': nn.Identity()})\n"
                      "result = [('norm' in layers) + 0, ('skip' in layers) + 0, ('skip' not in layers) + 0]\n"),
            "[1, 0, 1]");
}

TEST(TorchSource, OffsetsOfFieldsAreSumsOfTheSizesBefore) {
  EXPECT_EQ(result_of("import numpy as np\n"
                      "result = [0, *np.cumsum([3, 4, 5])[:-1]]\n"),
            "[0, 3, 7]");
}

TEST(TorchSource, ANameThatADecisionAtTheTopGivesIsThatOfTheArmThatIsReached) {
  EXPECT_EQ(result_of("import argparse\n"
                      "parser = argparse.ArgumentParser()\n"
                      "parser.add_argument('--dataset', default='cifar')\n"
                      "opt = parser.parse_args()\n"
                      "depth = 2\n"
                      "if opt.dataset == 'cifar':\n"
                      "    channels = 3\n"
                      "    depth = 4\n"
                      "elif opt.dataset == 'mnist':\n"
                      "    channels = 1\n"
                      "else:\n"
                      "    channels = 2\n"
                      "if opt.dataset == 'mnist':\n"
                      "    depth = 8\n"
                      "result = [channels, depth]\n"),
            "[3, 4]");
}

TEST(TorchSource, ListsOfModulesGrowAsPythonsDo) {
  EXPECT_EQ(result_of("import torch.nn as nn\n"
                      "layers = nn.ModuleList([nn.Linear(2, 3)])\n"
                      "def f():\n"
                      "    layers = nn.ModuleList([nn.Linear(2, 3)])\n"
                      "    layers += [nn.Linear(3, 4), nn.Linear(4, 5)]\n"
                      "    last = layers.pop()\n"
                      "    more = nn.Sequential(nn.ReLU()) + nn.Sequential(nn.Linear(7, 8))\n"
                      "    more.insert(0, nn.Linear(6, 7))\n"
                      "    return [len(layers), layers[1].out_features, last.out_features, len(more), more[0].in_features]\n"
                      "result = f()\n"),
            "[2, 4, 5, 3, 6]");
}

TEST(TorchSource, MethodsOfTextsAndListsAreThoseOfPython) {
  EXPECT_EQ(
      result_of(
          "order = ' gcr '.strip()\n"
          "def f():\n"
          "    items = [3, 1, 2]\n"
          "    items.sort(reverse=True)\n"
          "    items.insert(-1, 9)\n"
          "    names = sorted(['bb', 'a', 'ccc'], key=lambda n: -len(n))\n"
          "    return [order.index('c'), order[0], order[-2:], ('net' in 'resnet') + 0, 'resnet'.startswith(('vgg', 'res')) + 0] + items + names\n"
          "result = f()\n"),
      "[1, g, cr, 1, 1, 3, 2, 9, 1, ccc, bb, a]");
}

TEST(TorchSource, ClassesAreThemselves) {
  EXPECT_EQ(result_of("import torch.nn as nn\n"
                      "class Double:\n    pass\n"
                      "class Single:\n    pass\n"
                      "def f(block):\n"
                      "    return [(block == Double) + 0, (block != Single) + 0, (type(nn.Linear(1, 2)) == nn.Linear) + 0]\n"
                      "result = f(Double)\n"),
            "[1, 1, 1]");
}

TEST(TorchSource, AnObjectIsAddedToByItsOwnMethod) {
  EXPECT_EQ(result_of("class Size:\n"
                      "    def __init__(self, n):\n"
                      "        self.n = n\n"
                      "    def __add__(self, other):\n"
                      "        return Size(self.n + other.n)\n"
                      "    def __rmul__(self, times):\n"
                      "        return Size(self.n * times)\n"
                      "result = (2 * Size(3) + Size(4)).n\n"),
            "10");
}

TEST(TorchSource, NetworksOfTimmAreMadeByTheirNames) {
  EXPECT_EQ(result_of("import timm\n"
                      "def f():\n"
                      "    net = timm.create_model('tf_efficientnet_b2_ns', pretrained=True, num_classes=7, in_chans=1)\n"
                      "    head = net.classifier.in_features\n"
                      "    net.reset_classifier(0)\n"
                      "    other = timm.create_model('resnet34', pretrained=True)\n"
                      "    return [head, net.conv_stem.in_channels, len(net.blocks[3]), other.fc.in_features, other.num_features]\n"
                      "result = f()\n"),
            "[1408, 1, 4, 512, 512]");
}

TEST(TorchSource, WhatOtherLibrariesCombineIsCombined) {
  EXPECT_EQ(result_of("import itertools\n"
                      "from itertools import product\n"
                      "import numpy as np\n"
                      "from inspect import isfunction\n"
                      "def f():\n"
                      "    side = np.floor((90 + 2 * 0 - (5 - 1) - 1) / 2 + 1).astype(int)\n"
                      "    return [len(list(product(range(3), repeat=2))), len(list(itertools.chain([1], [2, 3]))), side, isfunction(f) + 0]\n"
                      "result = f()\n"),
            "[9, 3, 43, 1]");
}

TEST(TorchSource, AttributesAreSetAndAskedForByTheirNames) {
  EXPECT_EQ(result_of("import torch.nn as nn\n"
                      "class Heads(nn.Module):\n"
                      "    def __init__(self, heads):\n"
                      "        super().__init__()\n"
                      "        for head in sorted(heads):\n"
                      "            self.__setattr__(head, nn.Linear(2, heads[head]))\n"
                      "net = Heads({'hm': 4, 'wh': 2})\n"
                      "result = [net.hm.out_features, net.__getattr__('wh').out_features]\n"),
            "[4, 2]");
}

TEST(TorchSource, ChanceIsCertainAtItsEnds) {
  EXPECT_EQ(result_of("import random\n"
                      "result = [(random.random() < 0) + 0, (random.random() < 1.0) + 0, (0.0 >= random.random()) + 0]\n"),
            "[0, 1, 0]");
  const std::string why = result_of("import random\nresult = random.random() < 0.5\n");
  EXPECT_NE(why.find("by chance"), std::string::npos) << why;
}

TEST(TorchSource, AnObjectHasOperatorsOfItsOwn) {
  EXPECT_EQ(result_of("class Money:\n"
                      "    def __init__(self, n):\n"
                      "        self.n = n\n"
                      "    def __add__(self, other):\n"
                      "        return Money(self.n + other.n)\n"
                      "    def __rmul__(self, times):\n"
                      "        return Money(times * self.n)\n"
                      "result = (3 * (Money(2) + Money(5))).n\n"),
            "21");
}

TEST(TorchSource, InitialValuesOfAParameterNeedNotBeKnown) {
  EXPECT_EQ(result_of("import torch\n"
                      "import torch.nn as nn\n"
                      "class Net(nn.Module):\n"
                      "    def __init__(self):\n"
                      "        super().__init__()\n"
                      "        self.w = nn.Parameter(torch.empty(3, 2))\n"
                      "        self.w.data.copy_(torch.linalg.lstsq(torch.rand(3, 3), torch.rand(3, 2)).solution)\n"
                      "result = Net().w.size(0)\n"),
            "3");
}

}  // namespace
}  // namespace slipway::importers::torch
