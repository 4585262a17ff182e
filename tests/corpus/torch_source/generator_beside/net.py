import argparse
import numpy as np
import torch
import torch.nn as nn

parser = argparse.ArgumentParser()
parser.add_argument("--latent_dim", type=int, default=6)
parser.add_argument("--n_classes", type=int, default=4)
parser.add_argument("--img_size", type=int, default=6)
opt = parser.parse_args()
img_shape = (1, opt.img_size, opt.img_size)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.label_emb = nn.Embedding(opt.n_classes, opt.n_classes)
        self.model = nn.Sequential(nn.Linear(opt.latent_dim + opt.n_classes, 8), nn.BatchNorm1d(8, 0.8), nn.LeakyReLU(0.2, inplace=True),
                                   nn.Linear(8, int(np.prod(img_shape))), nn.Tanh())

    def forward(self, noise, labels):
        img = self.model(torch.cat((self.label_emb(labels), noise), -1))
        return img.view(img.size(0), *img_shape)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.label_embedding = nn.Embedding(opt.n_classes, opt.n_classes)
        self.model = nn.Sequential(nn.Linear(opt.n_classes + int(np.prod(img_shape)), 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))

    def forward(self, img, labels):
        return self.model(torch.cat((img.view(img.size(0), -1), self.label_embedding(labels)), -1))


generator, discriminator = Generator(), Discriminator()
if __name__ == "__main__":
    torch.save({"generator": generator.state_dict(), "discriminator": discriminator.state_dict(), "epoch": 199}, "gan.pth")
