#!/usr/bin/env python3
"""Pairs of PyTorch weights and source as students and researchers write them, with the library's own answers.

    make_torch_source.py OUT [--only NAME]

Every case is a folder: model.* (weights), net.py or net.ipynb, input.json, expected.json, files.json (for tests/parity) and args.json (words for
`slipway predict`). Small on purpose: those of tests/corpus/torch_source are committed.
"""
import argparse, json, pathlib, textwrap
import numpy as np
import torch

CASES = {}
HEAD = "import math\nimport numpy as np\nimport torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\n"


def case(name, build, inputs, *, args=(), save="state_dict", notebook=False, tail="", head=HEAD, outputs=None, legacy=False, classes=True):
    """build: the expression that makes the network; inputs: a dict of arrays."""
    def register(source):
        CASES[name] = dict(source=textwrap.dedent(source).strip("\n") + "\n", build=build, inputs=inputs, args=list(args), save=save, notebook=notebook,
                           tail=tail, head=head, outputs=outputs, legacy=legacy, classes=classes)
    return register


def rnd(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def ids(high, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, high, shape)


case("mlp", "MLP()", {"x": rnd(4, 10)})("""
class MLP(nn.Module):
    def __init__(self, in_dim=10, hidden=[16, 8], out_dim=3):
        super(MLP, self).__init__()
        layers = []
        prev = in_dim
        for h in hidden:
            layers.append(nn.Linear(prev, h))
            layers.append(nn.ReLU(inplace=True))
            prev = h
        layers.append(nn.Linear(prev, out_dim))
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        return self.net(x)
""")

case("mlp_sizes_unknown", "MLP([7, 12, 9, 2])", {"x": rnd(3, 7)})("""
class MLP(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:])])

    def forward(self, x):
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i < len(self.layers) - 1:
                x = F.relu(x)
        return F.log_softmax(x, dim=1)
""")

case("mnist_cnn", "Net()", {"x": rnd(2, 1, 28, 28)}, tail="""
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--lr', type=float, default=1.0)
    args = parser.parse_args()
    model = Net().to(device)
""")("""
class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, 1)
        self.conv2 = nn.Conv2d(4, 6, 3, 1)
        self.dropout1 = nn.Dropout(0.25)
        self.fc1 = nn.Linear(864, 16)
        self.fc2 = nn.Linear(16, 10)

    def forward(self, x):
        x = self.conv1(x)
        x = F.relu(x)
        x = self.conv2(x)
        x = F.relu(x)
        x = F.max_pool2d(x, 2)
        x = self.dropout1(x)
        x = torch.flatten(x, 1)
        x = self.fc1(x)
        x = F.relu(x)
        x = F.dropout(x, training=self.training)
        x = self.fc2(x)
        output = F.log_softmax(x, dim=1)
        return output
""")

case("cnn_sequential", "CNN(num_classes=5)", {"x": rnd(2, 3, 32, 32)}, tail="model = CNN(num_classes=5)\n")("""
class CNN(nn.Module):
    def __init__(self, num_classes=10):
        super(CNN, self).__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 4, kernel_size=3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=2, stride=2),
            nn.Conv2d(4, 6, kernel_size=3, padding=1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.MaxPool2d(2, 2),
        )
        self.classifier = nn.Sequential(nn.Linear(6 * 8 * 8, 12), nn.ReLU(True), nn.Dropout(p=0.5), nn.Linear(12, num_classes))

    def forward(self, x):
        x = self.features(x)
        x = x.view(x.size(0), -1)
        return self.classifier(x)
""")

case("resnet_blocks", "ResNet(BasicBlock, [2, 1, 1], num_classes=4)", {"x": rnd(2, 3, 32, 32)}, tail="""
def ResNetSmall():
    return ResNet(BasicBlock, [2, 1, 1], num_classes=4)

net = ResNetSmall()
net = torch.nn.DataParallel(net)
""", save="parallel")("""
class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, in_planes, planes, stride=1):
        super(BasicBlock, self).__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != self.expansion * planes:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_planes, self.expansion * planes, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(self.expansion * planes)
            )

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        out = F.relu(out)
        return out


class ResNet(nn.Module):
    def __init__(self, block, num_blocks, num_classes=10):
        super(ResNet, self).__init__()
        self.in_planes = 4
        self.conv1 = nn.Conv2d(3, 4, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer1 = self._make_layer(block, 4, num_blocks[0], stride=1)
        self.layer2 = self._make_layer(block, 6, num_blocks[1], stride=2)
        self.layer3 = self._make_layer(block, 8, num_blocks[2], stride=2)
        self.linear = nn.Linear(8 * block.expansion, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode='fan_out')
            elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
                m.weight.data.fill_(1)
                m.bias.data.zero_()

    def _make_layer(self, block, planes, num_blocks, stride):
        strides = [stride] + [1] * (num_blocks - 1)
        layers = []
        for stride in strides:
            layers.append(block(self.in_planes, planes, stride))
            self.in_planes = planes * block.expansion
        return nn.Sequential(*layers)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer1(out)
        out = self.layer2(out)
        out = self.layer3(out)
        out = F.avg_pool2d(out, 8)
        out = out.view(out.size(0), -1)
        return self.linear(out)
""")

case("unet", "UNet(3, 1)", {"x": rnd(1, 3, 34, 34)}, tail="net = UNet(n_channels=3, n_classes=1, bilinear=False)\n")('''
class DoubleConv(nn.Module):
    """(convolution => [BN] => ReLU) * 2"""
    def __init__(self, in_channels, out_channels, mid_channels=None):
        super().__init__()
        if not mid_channels:
            mid_channels = out_channels
        self.double_conv = nn.Sequential(
            nn.Conv2d(in_channels, mid_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(mid_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(mid_channels, out_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True)
        )

    def forward(self, x):
        return self.double_conv(x)


class Down(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(in_channels, out_channels))

    def forward(self, x):
        return self.maxpool_conv(x)


class Up(nn.Module):
    def __init__(self, in_channels, out_channels, bilinear=True):
        super().__init__()
        if bilinear:
            self.up = nn.Upsample(scale_factor=2, mode='bilinear', align_corners=True)
            self.conv = DoubleConv(in_channels, out_channels, in_channels // 2)
        else:
            self.up = nn.ConvTranspose2d(in_channels, in_channels // 2, kernel_size=2, stride=2)
            self.conv = DoubleConv(in_channels, out_channels)

    def forward(self, x1, x2):
        x1 = self.up(x1)
        # input is CHW
        diffY = x2.size()[2] - x1.size()[2]
        diffX = x2.size()[3] - x1.size()[3]
        x1 = F.pad(x1, [diffX // 2, diffX - diffX // 2, diffY // 2, diffY - diffY // 2])
        x = torch.cat([x2, x1], dim=1)
        return self.conv(x)


class OutConv(nn.Module):
    def __init__(self, in_channels, out_channels):
        super(OutConv, self).__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size=1)

    def forward(self, x):
        return self.conv(x)


class UNet(nn.Module):
    def __init__(self, n_channels, n_classes, bilinear=False):
        super(UNet, self).__init__()
        self.n_channels = n_channels
        self.n_classes = n_classes
        self.bilinear = bilinear
        self.inc = (DoubleConv(n_channels, 4))
        self.down1 = (Down(4, 6))
        factor = 2 if bilinear else 1
        self.down2 = (Down(6, 8 // factor))
        self.up1 = (Up(8, 6 // factor, bilinear)) if bilinear else Up2(8, 6)
        self.up2 = Up2(6, 4)
        self.outc = (OutConv(4, n_classes))

    def forward(self, x):
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        x = self.up1(x3, x2)
        x = self.up2(x, x1)
        logits = self.outc(x)
        return logits


class Up2(Up):
    def __init__(self, a, b):
        nn.Module.__init__(self)
        self.up = nn.ConvTranspose2d(a, b, kernel_size=2, stride=2)
        self.conv = DoubleConv(2 * b, b)
''')

case("unet_dict", "UNet()", {"x": rnd(1, 1, 32, 32)}, save="checkpoint")("""
class UNet(nn.Module):
    def __init__(self, channels=(1, 4, 8), classes=2):
        super().__init__()
        self.enc = nn.ModuleList([self.block(channels[i], channels[i + 1]) for i in range(len(channels) - 1)])
        self.pool = nn.MaxPool2d(2)
        self.bottleneck = self.block(channels[-1], channels[-1] * 2)
        self.ups = nn.ModuleDict()
        for k, c in enumerate(reversed(channels[1:])):
            self.ups[f"up{k}"] = nn.ConvTranspose2d(c * 2, c, 2, stride=2)
            self.ups["conv{}".format(k)] = self.block(c * 2, c)
        self.head = nn.Conv2d(channels[1], classes, 1)

    @staticmethod
    def block(a, b):
        return nn.Sequential(nn.Conv2d(a, b, 3, padding='same'), nn.GroupNorm(2, b), nn.ELU())

    def forward(self, x):
        skips = []
        for e in self.enc:
            x = e(x)
            skips.append(x)
            x = self.pool(x)
        x = self.bottleneck(x)
        for k, skip in enumerate(skips[::-1]):
            x = self.ups[f"up{k}"](x)
            x = self.ups["conv%d" % k](torch.cat((skip, x), dim=1))
        return {"logits": self.head(x), "mask": torch.sigmoid(self.head(x))[:, 0]}
""")

case("lstm_embedding", "SentimentLSTM(50, 8, 12, 1, 2, True, 0.3)", {"text": ids(50, 3, 9)}, tail="""
VOCAB = len(vocab)
model = SentimentLSTM(VOCAB, 8, 12, OUTPUT_DIM, N_LAYERS, BIDIRECTIONAL, DROPOUT)
OUTPUT_DIM = 1
N_LAYERS = 2
BIDIRECTIONAL = True
DROPOUT = 0.3
""")("""
class SentimentLSTM(nn.Module):
    def __init__(self, vocab_size, embedding_dim, hidden_dim, output_dim, n_layers, bidirectional, dropout):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=0)
        self.rnn = nn.LSTM(embedding_dim, hidden_dim, num_layers=n_layers, bidirectional=bidirectional, dropout=dropout, batch_first=True)
        self.fc = nn.Linear(hidden_dim * 2, output_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, text):
        embedded = self.dropout(self.embedding(text))
        output, (hidden, cell) = self.rnn(embedded)
        hidden = self.dropout(torch.cat((hidden[-2, :, :], hidden[-1, :, :]), dim=1))
        return torch.sigmoid(self.fc(hidden)).squeeze(1)
""")

case("gru_unknown", "GRUNet(6, 10, 3, 2)", {"x": rnd(2, 5, 6)})("""
class GRUNet(nn.Module):
    def __init__(self, input_dim, hidden_dim, output_dim, n_layers, drop_prob=0.2):
        super(GRUNet, self).__init__()
        self.hidden_dim = hidden_dim
        self.n_layers = n_layers
        self.gru = nn.GRU(input_dim, hidden_dim, n_layers, batch_first=True, dropout=drop_prob)
        self.fc = nn.Linear(hidden_dim, output_dim)
        self.relu = nn.ReLU()

    def init_hidden(self, batch_size):
        weight = next(self.parameters()).data
        return weight.new_zeros(self.n_layers, batch_size, self.hidden_dim)

    def forward(self, x):
        h = torch.zeros(self.n_layers, x.shape[0], self.hidden_dim, device=x.device).requires_grad_()
        out, h = self.gru(x, h.detach())
        out = self.fc(self.relu(out[:, -1]))
        return out
""")

case("rnn_cell", "Model()", {"x": rnd(2, 4, 3)})("""
class Model(nn.Module):
    def __init__(self, n_in=3, n_hidden=5):
        super().__init__()
        self.rnn = nn.RNN(n_in, n_hidden, nonlinearity='relu', batch_first=True)
        self.cell = nn.LSTMCell(n_hidden, n_hidden)
        self.gcell = nn.GRUCell(n_hidden, 2)

    def forward(self, x):
        out, _ = self.rnn(x)
        h, c = self.cell(out[:, 0])
        h, c = self.cell(out[:, 1], (h, c))
        return self.gcell(h)
""")

case("textcnn", "TextCNN(40, 6, 5, [2, 3, 4], 3, 0.5)", {"text": ids(40, 2, 11)}, head=HEAD + "FILTER_SIZES = [2, 3, 4]\n",
     tail="model = TextCNN(INPUT_DIM, EMBEDDING_DIM, N_FILTERS, FILTER_SIZES, OUTPUT_DIM, DROPOUT)\n")("""
class TextCNN(nn.Module):
    def __init__(self, vocab_size, embedding_dim, n_filters, filter_sizes, output_dim, dropout):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.convs = nn.ModuleList([
            nn.Conv2d(in_channels=1, out_channels=n_filters, kernel_size=(fs, embedding_dim)) for fs in filter_sizes
        ])
        self.fc = nn.Linear(len(filter_sizes) * n_filters, output_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, text):
        embedded = self.embedding(text)
        embedded = embedded.unsqueeze(1)
        conved = [F.relu(conv(embedded)).squeeze(3) for conv in self.convs]
        pooled = [F.max_pool1d(conv, conv.shape[2]).squeeze(2) for conv in conved]
        cat = self.dropout(torch.cat(pooled, dim=1))
        return self.fc(cat)
""")

case("transformer_encoder", "TransformerModel(30, 8, 2, 16, 2)", {"src": ids(30, 2, 7)}, tail="""
ntoken, emsize, nhead, d_hid, nlayers = 30, 8, 2, 16, 2
model = TransformerModel(ntoken, emsize, nhead, d_hid, nlayers).to(device)
""")("""
class PositionalEncoding(nn.Module):
    def __init__(self, d_model, dropout=0.1, max_len=50):
        super().__init__()
        self.dropout = nn.Dropout(p=dropout)
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, 1, d_model)
        pe[:, 0, 0::2] = torch.sin(position * div_term)
        pe[:, 0, 1::2] = torch.cos(position * div_term)
        self.register_buffer('pe', pe)

    def forward(self, x):
        x = x + self.pe[:x.size(0)]
        return self.dropout(x)


class TransformerModel(nn.Module):
    def __init__(self, ntoken, d_model, nhead, d_hid, nlayers, dropout=0.5):
        super().__init__()
        self.model_type = 'Transformer'
        self.pos_encoder = PositionalEncoding(d_model, dropout)
        encoder_layers = nn.TransformerEncoderLayer(d_model, nhead, d_hid, dropout)
        self.transformer_encoder = nn.TransformerEncoder(encoder_layers, nlayers)
        self.embedding = nn.Embedding(ntoken, d_model)
        self.d_model = d_model
        self.linear = nn.Linear(d_model, 3)
        self.init_weights()

    def init_weights(self):
        initrange = 0.1
        self.embedding.weight.data.uniform_(-initrange, initrange)
        self.linear.bias.data.zero_()
        self.linear.weight.data.uniform_(-initrange, initrange)

    def forward(self, src, src_mask=None):
        src = src.transpose(0, 1)
        src = self.embedding(src) * math.sqrt(self.d_model)
        src = self.pos_encoder(src)
        output = self.transformer_encoder(src, src_mask)
        return self.linear(output.mean(dim=0))
""")

case("positional_not_saved", "Encoder()", {"x": rnd(2, 6, 8)})("""
class PE(nn.Module):
    def __init__(self, d_model, max_len=20):
        super().__init__()
        pe = torch.zeros(max_len, d_model)
        position = torch.arange(0, max_len, dtype=torch.float).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2).float() * (-math.log(10000.0) / d_model))
        pe[:, 0::2] = torch.sin(position * div_term)
        pe[:, 1::2] = torch.cos(position * div_term)
        self.register_buffer('pe', pe.unsqueeze(0), persistent=False)

    def forward(self, x):
        return x + self.pe[:, :x.size(1)].requires_grad_(False)


class Encoder(nn.Module):
    def __init__(self, d_model=8, nhead=4, num_layers=2):
        super().__init__()
        self.pe = PE(d_model)
        layer = nn.TransformerEncoderLayer(d_model=d_model, nhead=nhead, dim_feedforward=12, batch_first=True, norm_first=True, activation='gelu')
        self.encoder = nn.TransformerEncoder(layer, num_layers=num_layers, norm=nn.LayerNorm(d_model), enable_nested_tensor=False)
        self.out = nn.Linear(d_model, 2)

    def forward(self, x):
        return self.out(self.encoder(self.pe(x))[:, 0])
""")

case("gpt", "GPT(GPTConfig(vocab_size=20, n_layer=2, n_head=2, n_embd=8, block_size=12))", {"idx": ids(20, 2, 12)},
     head="from dataclasses import dataclass\n" + HEAD, tail="config = GPTConfig(vocab_size=20, n_layer=2, n_head=2, n_embd=8, block_size=12)\nmodel = GPT(config)\n")("""
@dataclass
class GPTConfig:
    block_size: int = 1024
    vocab_size: int = 50304
    n_layer: int = 12
    n_head: int = 12
    n_embd: int = 768
    bias: bool = True


class CausalSelfAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        assert config.n_embd % config.n_head == 0
        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd, bias=config.bias)
        self.c_proj = nn.Linear(config.n_embd, config.n_embd, bias=config.bias)
        self.n_head = config.n_head
        self.n_embd = config.n_embd
        self.flash = hasattr(torch.nn.functional, 'scaled_dot_product_attention')
        self.register_buffer("mask", torch.tril(torch.ones(config.block_size, config.block_size))
                             .view(1, 1, config.block_size, config.block_size))

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.c_attn(x).split(self.n_embd, dim=2)
        k = k.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        q = q.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        v = v.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        att = att.masked_fill(self.mask[:, :, :T, :T] == 0, float('-inf'))
        att = F.softmax(att, dim=-1)
        y = att @ v
        y = y.transpose(1, 2).contiguous().view(B, T, C)
        return self.c_proj(y)


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd)
        self.attn = CausalSelfAttention(config)
        self.ln_2 = nn.LayerNorm(config.n_embd)
        self.mlp = nn.ModuleDict(dict(
            c_fc=nn.Linear(config.n_embd, 4 * config.n_embd),
            c_proj=nn.Linear(4 * config.n_embd, config.n_embd),
            act=nn.GELU(),
        ))
        m = self.mlp
        self.mlpf = lambda x: m.c_proj(m.act(m.c_fc(x)))

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        x = x + self.mlpf(self.ln_2(x))
        return x


class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.transformer = nn.ModuleDict(dict(
            wte=nn.Embedding(config.vocab_size, config.n_embd),
            wpe=nn.Embedding(config.block_size, config.n_embd),
            h=nn.ModuleList([Block(config) for _ in range(config.n_layer)]),
            ln_f=nn.LayerNorm(config.n_embd),
        ))
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self.transformer.wte.weight = self.lm_head.weight
        self.apply(self._init_weights)

    def _init_weights(self, module):
        if isinstance(module, nn.Linear):
            torch.nn.init.normal_(module.weight, mean=0.0, std=0.02)

    def forward(self, idx, targets=None):
        device = idx.device
        b, t = idx.size()
        assert t <= self.config.block_size, f"Cannot forward sequence of length {t}"
        pos = torch.arange(0, t, dtype=torch.long, device=device).unsqueeze(0)
        x = self.transformer.wte(idx) + self.transformer.wpe(pos)
        for block in self.transformer.h:
            x = block(x)
        x = self.transformer.ln_f(x)
        logits = self.lm_head(x)
        loss = None
        if targets is not None:
            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))
        return logits, loss
""")

case("autoencoder", "Autoencoder()", {"x": rnd(2, 1, 28, 28)}, notebook=True)("""
class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(4, 6, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(6, 8, 7))
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(8, 6, 7), nn.ReLU(),
            nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1), nn.ReLU(),
            nn.ConvTranspose2d(4, 1, 3, stride=2, padding=1, output_padding=1), nn.Sigmoid())

    def forward(self, x):
        encoded = self.encoder(x)
        return self.decoder(encoded)
""")

case("vae", "VAE()", {"x": rnd(3, 1, 6, 6)})("""
class VAE(nn.Module):
    def __init__(self, latent=3):
        super(VAE, self).__init__()
        self.fc1 = nn.Linear(36, 12)
        self.fc21 = nn.Linear(12, latent)
        self.fc22 = nn.Linear(12, latent)
        self.fc3 = nn.Linear(latent, 12)
        self.fc4 = nn.Linear(12, 36)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        if self.training:
            std = torch.exp(0.5 * logvar)
            eps = torch.randn_like(std)
            return eps.mul(std).add_(mu)
        else:
            return mu

    def decode(self, z):
        h3 = F.relu(self.fc3(z))
        return torch.sigmoid(self.fc4(h3))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 36))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar
""")

case("gan_generator", "Generator()", {"z": rnd(2, 10)}, head="import argparse\n" + HEAD + """
parser = argparse.ArgumentParser()
parser.add_argument("--latent_dim", type=int, default=10, help="dimensionality of the latent space")
parser.add_argument("--img_size", type=int, default=8, help="size of each image dimension")
parser.add_argument("--channels", type=int, default=1, help="number of image channels")
opt = parser.parse_args([])
img_shape = (opt.channels, opt.img_size, opt.img_size)
""", args=["--class", "Generator"])("""
class Generator(nn.Module):
    def __init__(self):
        super(Generator, self).__init__()

        def block(in_feat, out_feat, normalize=True):
            layers = [nn.Linear(in_feat, out_feat)]
            if normalize:
                layers.append(nn.BatchNorm1d(out_feat, 0.8))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            return layers

        self.model = nn.Sequential(
            *block(opt.latent_dim, 8, normalize=False),
            *block(8, 16),
            nn.Linear(16, int(np.prod(img_shape))),
            nn.Tanh()
        )

    def forward(self, z):
        img = self.model(z)
        img = img.view(img.size(0), *img_shape)
        return img


class Discriminator(nn.Module):
    def __init__(self):
        super(Discriminator, self).__init__()
        self.model = nn.Sequential(nn.Linear(int(np.prod(img_shape)), 16), nn.LeakyReLU(0.2, inplace=True), nn.Linear(16, 1), nn.Sigmoid())

    def forward(self, img):
        img_flat = img.view(img.size(0), -1)
        return self.model(img_flat)
""")

case("dcgan_discriminator", "Discriminator(1)", {"input": rnd(2, 3, 32, 32)}, head=HEAD + "nc = 3\nndf = 4\nngf = 4\nnz = 6\n",
     tail="netG = Generator(1)\nnetD = Discriminator(1).to(device)\nnetD.apply(weights_init)\n")("""
class Generator(nn.Module):
    def __init__(self, ngpu):
        super(Generator, self).__init__()
        self.ngpu = ngpu
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 4, 4, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 4),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 4, nc, 4, 2, 1, bias=False),
            nn.Tanh())

    def forward(self, input):
        return self.main(input)

class Discriminator(nn.Module):
    def __init__(self, ngpu):
        super(Discriminator, self).__init__()
        self.ngpu = ngpu
        self.main = nn.Sequential(
            nn.Conv2d(nc, ndf, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 2),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 2, 1, 8, 1, 0, bias=False),
            nn.Sigmoid())

    def forward(self, input):
        return self.main(input)
""")

case("dqn", "DQN(4, 2)", {"x": rnd(3, 4)}, tail="""
n_actions = env.action_space.n
policy_net = DQN(n_observations, n_actions).to(device)
target_net = DQN(n_observations, n_actions).to(device)
""")("""
class DQN(nn.Module):
    def __init__(self, n_observations, n_actions):
        super(DQN, self).__init__()
        self.layer1 = nn.Linear(n_observations, 16)
        self.layer2 = nn.Linear(16, 16)
        self.layer3 = nn.Linear(16, n_actions)

    def forward(self, x):
        x = F.relu(self.layer1(x))
        x = F.relu(self.layer2(x))
        return self.layer3(x)
""")

case("dueling_atari", "DuelingDQN((4, 36, 36), 3)", {"x": rnd(1, 4, 36, 36)}, tail="model = DuelingDQN((4, 36, 36), 3)\n")("""
class DuelingDQN(nn.Module):
    def __init__(self, input_shape, num_actions):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(input_shape[0], 4, kernel_size=8, stride=4), nn.ReLU(), nn.Conv2d(4, 6, kernel_size=4, stride=2), nn.ReLU())
        conv_out_size = self._get_conv_out(input_shape)
        self.advantage = nn.Sequential(nn.Linear(conv_out_size, 8), nn.ReLU(), nn.Linear(8, num_actions))
        self.value = nn.Sequential(nn.Linear(conv_out_size, 8), nn.ReLU(), nn.Linear(8, 1))

    def _get_conv_out(self, shape):
        o = self.conv(torch.zeros(1, *shape))
        return int(np.prod(o.size()))

    def forward(self, x):
        conv_out = self.conv(x).view(x.size()[0], -1)
        advantage, value = self.advantage(conv_out), self.value(conv_out)
        return value + advantage - advantage.mean(1, keepdim=True)
""")

case("se_attention", "SENet()", {"x": rnd(2, 3, 12, 12)})("""
class SELayer(nn.Module):
    def __init__(self, channel, reduction=4):
        super(SELayer, self).__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Linear(channel, channel // reduction, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(channel // reduction, channel, bias=False),
            nn.Sigmoid()
        )

    def forward(self, x):
        b, c, _, _ = x.size()
        y = self.avg_pool(x).view(b, c)
        y = self.fc(y).view(b, c, 1, 1)
        return x * y.expand_as(x)


class SENet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, groups=1, padding=1)
        self.dw = nn.Conv2d(8, 8, 3, padding=1, groups=8, padding_mode='reflect')
        self.se = SELayer(8)
        self.act = getattr(nn, 'SiLU')()
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(8, 4))

    def forward(self, x):
        x = self.act(self.conv(x))
        x = x + self.se(self.dw(x))
        return self.head(x)
""")

case("siamese", "SiameseNetwork()", {"input1": rnd(2, 1, 20, 20, seed=1), "input2": rnd(2, 1, 20, 20, seed=2)})("""
class SiameseNetwork(nn.Module):
    def __init__(self):
        super(SiameseNetwork, self).__init__()
        self.cnn1 = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(1, 4, kernel_size=3),
            nn.ReLU(inplace=True),
            nn.BatchNorm2d(4),
        )
        self.fc1 = nn.Sequential(nn.Linear(4 * 20 * 20, 8), nn.ReLU(inplace=True), nn.Linear(8, 5))

    def forward_once(self, x):
        output = self.cnn1(x)
        output = output.view(output.size()[0], -1)
        output = self.fc1(output)
        return output

    def forward(self, input1, input2):
        output1 = self.forward_once(input1)
        output2 = self.forward_once(input2)
        return output1, output2
""")

case("recommender", "NCF(12, 9, 4)", {"user": ids(12, 5, seed=1), "item": ids(9, 5, seed=2)}, save="checkpoint_args")("""
class NCF(nn.Module):
    def __init__(self, num_users, num_items, dim):
        super().__init__()
        self.user = nn.Embedding(num_users, dim)
        self.item = nn.Embedding(num_items, dim)
        self.user_bias = nn.Embedding(num_users, 1)
        self.mlp = nn.Sequential(nn.Linear(2 * dim, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, user, item):
        u, i = self.user(user), self.item(item)
        x = torch.cat([u, i], dim=-1)
        return self.mlp(x).squeeze(-1) + (u * i).sum(1) + self.user_bias(user).squeeze()
""")

case("pickled_module", "Classifier(6, 3)", {"x": rnd(2, 6)}, save="module")("""
class Classifier(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.n_in = n_in
        self.l1 = nn.Linear(n_in, 7)
        self.act = nn.PReLU()
        self.l2 = nn.Linear(7, n_out)

    def forward(self, x):
        return torch.softmax(self.l2(self.act(self.l1(x))), dim=1)
""")

case("legacy_module", "Net(5)", {"x": rnd(2, 5)}, save="module", legacy=True, classes=False)("""
class Net(nn.Module):
    def __init__(self, n_in):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(n_in, 6)
        self.fc2 = nn.Linear(6, 2)

    def forward(self, x):
        x = F.tanh(self.fc1(x))
        return self.fc2(x)
""")

case("sequential_script", "nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))", {"input": rnd(2, 4)}, save="module", classes=False)("""
""")

case("vit", "ViT(image_size=16, patch_size=4, num_classes=5, dim=8, depth=2, heads=2)", {"img": rnd(2, 3, 16, 16)},
     tail="v = ViT(image_size=16, patch_size=4, num_classes=5, dim=8, depth=2, heads=2)\n")("""
def pair(t):
    return t if isinstance(t, tuple) else (t, t)

class FeedForward(nn.Module):
    def __init__(self, dim, hidden_dim):
        super().__init__()
        self.net = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, hidden_dim), nn.GELU(), nn.Linear(hidden_dim, dim))
    def forward(self, x):
        return self.net(x)

class Attention(nn.Module):
    def __init__(self, dim, heads=8):
        super().__init__()
        self.heads = heads
        self.scale = (dim // heads) ** -0.5
        self.norm = nn.LayerNorm(dim)
        self.to_qkv = nn.Linear(dim, dim * 3, bias=False)
        self.to_out = nn.Identity() if heads == 1 else nn.Linear(dim, dim)
    def forward(self, x):
        b, n, d = x.shape
        qkv = self.to_qkv(self.norm(x)).chunk(3, dim=-1)
        q, k, v = map(lambda t: t.reshape(b, n, self.heads, d // self.heads).permute(0, 2, 1, 3), qkv)
        attn = (torch.matmul(q, k.transpose(-1, -2)) * self.scale).softmax(dim=-1)
        out = torch.matmul(attn, v).permute(0, 2, 1, 3).flatten(2)
        return self.to_out(out)

class ViT(nn.Module):
    def __init__(self, *, image_size, patch_size, num_classes, dim, depth, heads, pool='cls', channels=3):
        super().__init__()
        image_height, image_width = pair(image_size)
        patch_height, patch_width = pair(patch_size)
        num_patches = (image_height // patch_height) * (image_width // patch_width)
        self.proj = nn.Conv2d(channels, dim, kernel_size=patch_size, stride=patch_size)
        self.pos_embedding = nn.Parameter(torch.randn(1, num_patches + 1, dim) * 0.02)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.layers = nn.ModuleList([])
        for _ in range(depth):
            self.layers.append(nn.ModuleList([Attention(dim, heads), FeedForward(dim, dim * 2)]))
        self.pool = pool
        self.mlp_head = nn.Linear(dim, num_classes)

    def forward(self, img):
        x = self.proj(img).flatten(2).transpose(1, 2)
        b = x.shape[0]
        cls_tokens = self.cls_token.expand(b, -1, -1)
        x = torch.cat((cls_tokens, x), dim=1)
        x += self.pos_embedding[:, :x.size(1)]
        for attn, ff in self.layers:
            x = attn(x) + x
            x = ff(x) + x
        x = x.mean(dim=1) if self.pool == 'mean' else x[:, 0]
        return self.mlp_head(x)
""")

case("mha_cross", "Cross()", {"x": rnd(2, 5, 8, seed=1), "memory": rnd(2, 7, 8, seed=2)})("""
class Cross(nn.Module):
    def __init__(self, d=8, heads=2):
        super().__init__()
        self.attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.decoder = nn.TransformerDecoderLayer(d, heads, 10, batch_first=True)
        self.drop = nn.Dropout()

    def forward(self, x, memory):
        a, w = self.attn(x, memory, memory)
        return self.decoder(x + self.drop(a), memory), w
""")

case("timeseries_tcn", "TCN(2, 3, [4, 5])", {"x": rnd(2, 2, 12)}, tail="model = TCN(2, 3, [4, 5], kernel_size=3)\n")("""
class Chomp1d(nn.Module):
    def __init__(self, chomp_size):
        super(Chomp1d, self).__init__()
        self.chomp_size = chomp_size

    def forward(self, x):
        return x[:, :, :-self.chomp_size].contiguous()


class TemporalBlock(nn.Module):
    def __init__(self, n_inputs, n_outputs, kernel_size, stride, dilation, padding, dropout=0.2):
        super(TemporalBlock, self).__init__()
        self.conv1 = nn.Conv1d(n_inputs, n_outputs, kernel_size, stride=stride, padding=padding, dilation=dilation)
        self.chomp1 = Chomp1d(padding)
        self.relu1 = nn.ReLU()
        self.net = nn.Sequential(self.conv1, self.chomp1, self.relu1, nn.Dropout(dropout))
        self.downsample = nn.Conv1d(n_inputs, n_outputs, 1) if n_inputs != n_outputs else None
        self.relu = nn.ReLU()
        self.init_weights()

    def init_weights(self):
        self.conv1.weight.data.normal_(0, 0.01)
        if self.downsample is not None:
            self.downsample.weight.data.normal_(0, 0.01)

    def forward(self, x):
        out = self.net(x)
        res = x if self.downsample is None else self.downsample(x)
        return self.relu(out + res)


class TCN(nn.Module):
    def __init__(self, num_inputs, n_classes, num_channels, kernel_size=3, dropout=0.2):
        super().__init__()
        layers = []
        for i in range(len(num_channels)):
            dilation_size = 2 ** i
            in_channels = num_inputs if i == 0 else num_channels[i - 1]
            layers += [TemporalBlock(in_channels, num_channels[i], kernel_size, stride=1, dilation=dilation_size,
                                     padding=(kernel_size - 1) * dilation_size, dropout=dropout)]
        self.network = nn.Sequential(*layers)
        self.linear = nn.Linear(num_channels[-1], n_classes)

    def forward(self, x):
        return self.linear(self.network(x)[:, :, -1])
""")

case("densenet_names", "DenseNet()", {"x": rnd(2, 3, 8, 8)}, head="from collections import OrderedDict\n" + HEAD, save="safetensors")("""
class _DenseLayer(nn.Sequential):
    def __init__(self, num_input_features, growth_rate, bn_size):
        super(_DenseLayer, self).__init__()
        self.add_module('norm1', nn.BatchNorm2d(num_input_features))
        self.add_module('relu1', nn.ReLU(inplace=True))
        self.add_module('conv1', nn.Conv2d(num_input_features, bn_size * growth_rate, kernel_size=1, stride=1, bias=False))
        self.add_module('norm2', nn.BatchNorm2d(bn_size * growth_rate))
        self.add_module('relu2', nn.ReLU(inplace=True))
        self.add_module('conv2', nn.Conv2d(bn_size * growth_rate, growth_rate, kernel_size=3, stride=1, padding=1, bias=False))

    def forward(self, x):
        new_features = super(_DenseLayer, self).forward(x)
        return torch.cat([x, new_features], 1)


class _DenseBlock(nn.Sequential):
    def __init__(self, num_layers, num_input_features, bn_size, growth_rate):
        super(_DenseBlock, self).__init__()
        for i in range(num_layers):
            layer = _DenseLayer(num_input_features + i * growth_rate, growth_rate, bn_size)
            self.add_module('denselayer%d' % (i + 1), layer)


class DenseNet(nn.Module):
    def __init__(self, growth_rate=2, block_config=(2, 2), num_init_features=4, bn_size=2, num_classes=3):
        super().__init__()
        self.features = nn.Sequential(OrderedDict([
            ('conv0', nn.Conv2d(3, num_init_features, kernel_size=3, padding=1, bias=False)),
            ('norm0', nn.BatchNorm2d(num_init_features)),
        ]))
        num_features = num_init_features
        for i, num_layers in enumerate(block_config):
            block = _DenseBlock(num_layers=num_layers, num_input_features=num_features, bn_size=bn_size, growth_rate=growth_rate)
            self.features.add_module('denseblock%d' % (i + 1), block)
            num_features = num_features + num_layers * growth_rate
        self.classifier = nn.Linear(num_features, num_classes)

    def forward(self, x):
        features = self.features(x)
        out = F.relu(features, inplace=True)
        out = F.adaptive_avg_pool2d(out, (1, 1))
        out = torch.flatten(out, 1)
        return self.classifier(out)
""")

case("multi_head_outputs", "AgeGender()", {"x": rnd(2, 3, 16, 16)}, save="lightning")("""
class AgeGender(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, 2, 1), nn.Hardswish(), nn.AvgPool2d(2))
        self.age = nn.Linear(width * 16, 1)
        self.gender = nn.Linear(width * 16, 2)
        self.temperature = nn.Parameter(torch.ones([]) * 2)

    def forward(self, x):
        h = torch.flatten(self.stem(x), 1)
        return {"age": self.age(h).clamp(min=0), "gender": (self.gender(h) / self.temperature).softmax(-1)}
""")

case("seq2seq_instances", "Seq2Seq(Encoder(12, 6, 8), Decoder(12, 6, 8))", {"src": ids(12, 2, 5)}, tail="""
enc = Encoder(12, 6, 8)
dec = Decoder(12, 6, 8)
model = Seq2Seq(enc, dec)
""")("""
class Encoder(nn.Module):
    def __init__(self, vocab, emb, hid):
        super().__init__()
        self.emb = nn.Embedding(vocab, emb)
        self.rnn = nn.GRU(emb, hid, batch_first=True)
    def forward(self, src):
        return self.rnn(self.emb(src))[1]

class Decoder(nn.Module):
    def __init__(self, vocab, emb, hid):
        super().__init__()
        self.emb = nn.Embedding(vocab, emb)
        self.rnn = nn.GRU(emb, hid, batch_first=True)
        self.out = nn.Linear(hid, vocab)
    def forward(self, token, hidden):
        o, hidden = self.rnn(self.emb(token), hidden)
        return self.out(o), hidden

class Seq2Seq(nn.Module):
    def __init__(self, encoder, decoder, max_len=4):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.max_len = max_len
    def forward(self, src):
        hidden = self.encoder(src)
        token = src[:, :1]
        outputs = []
        for t in range(self.max_len):
            logits, hidden = self.decoder(token, hidden)
            outputs.append(logits)
            token = logits.argmax(-1)
        return torch.cat(outputs, dim=1)
""")


def flat(result, name, out):
    """The outputs as slipway names them: output, output_0, ..., or the keys of a dict."""
    if torch.is_tensor(result):
        out[name] = result.detach().numpy()
    elif isinstance(result, dict):
        for key, value in result.items():
            flat(value, key, out)
    elif isinstance(result, (tuple, list)):
        for i, value in enumerate(result):
            flat(value, f"{name}_{i}", out)


def notebook(source):
    cells = [{"cell_type": "markdown", "metadata": {}, "source": ["# A model\n"]},
             {"cell_type": "code", "metadata": {}, "execution_count": 1, "outputs": [], "source": ["%matplotlib inline\n", "!pip install torch\n"]},
             {"cell_type": "code", "metadata": {}, "execution_count": 2, "outputs": [], "source": source.splitlines(keepends=True)}]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def make(name, c, out):
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    text = c["head"] + c["source"] + "\n" + c["tail"]
    import sys, types, linecache, tempfile
    path = pathlib.Path(tempfile.mkdtemp()) / "net_module.py"
    path.write_text(c["head"] + c["source"])
    import importlib.util
    spec = importlib.util.spec_from_file_location(f"net_{name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    argv, sys.argv = sys.argv, sys.argv[:1]
    spec.loader.exec_module(module)
    sys.argv = argv
    torch.manual_seed(3)
    net = eval(c["build"], module.__dict__).eval()
    for key, tensor in net.state_dict().items():  # running statistics that are not the initial ones
        if key.endswith("running_mean"):
            tensor.normal_(0, 0.3)
        if key.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
    inputs = {k: torch.from_numpy(v) for k, v in c["inputs"].items()}
    with torch.no_grad():
        results = {}
        flat(net(*inputs.values()), "output", results)
    state = net.state_dict()
    suffix = {"safetensors": "safetensors", "lightning": "ckpt"}.get(c["save"], "pth")
    target = folder / f"model.{suffix}"
    old = {"_use_new_zipfile_serialization": False} if c["legacy"] else {}
    if c["save"] == "state_dict":
        torch.save(state, target, **old)
    elif c["save"] == "parallel":
        torch.save({"module." + k: v for k, v in state.items()}, target)
    elif c["save"] == "checkpoint":
        optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
        for p in net.parameters():
            p.grad = torch.zeros_like(p)
        optimiser.step()
        torch.save({"epoch": 7, "model_state_dict": net.state_dict(), "optimizer_state_dict": optimiser.state_dict(), "loss": 0.25}, target)
    elif c["save"] == "checkpoint_args":
        torch.save({"state_dict": state, "hyper_parameters": {"num_users": 12, "num_items": 9, "dim": 4}, "args": argparse.Namespace(lr=0.1)}, target)
    elif c["save"] == "lightning":
        torch.save({"epoch": 1, "global_step": 3, "state_dict": {"model." + k: v for k, v in state.items()}, "hyper_parameters": {"lr": 0.1}}, target)
    elif c["save"] == "module":
        torch.save(net, target, **old)
    elif c["save"] == "safetensors":
        header, offset, body = {}, 0, b""
        for key, tensor in state.items():
            data = tensor.numpy().tobytes()
            kind = {torch.float32: "F32", torch.int64: "I64"}[tensor.dtype]
            header[key] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [offset, offset + len(data)]}
            offset, body = offset + len(data), body + data
        head = json.dumps(header).encode()
        head += b" " * (-len(head) % 8)
        target.write_bytes(len(head).to_bytes(8, "little") + head + body)
    args = []
    if c["classes"]:
        source = folder / ("net.ipynb" if c["notebook"] else "net.py")
        source.write_text(notebook(text) if c["notebook"] else text)
        args = ["--source", source.name]
    (folder / "args.json").write_text(json.dumps(args + c["args"]))
    wish = ";class=" + c["args"][1] if c["args"][:1] == ["--class"] else ""
    (folder / "files.json").write_text(json.dumps({"files": [target.name] + args[1:], "entry": wish}))
    (folder / "input.json").write_text(json.dumps({"inputs": {k: v.tolist() for k, v in c["inputs"].items()}}))
    (folder / "expected.json").write_text(json.dumps({"kind": "graph", **{k: v.tolist() for k, v in results.items()}}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--only")
    options = parser.parse_args()
    for name, c in CASES.items():
        if options.only in (None, name):
            make(name, c, options.out)
            print(name)
