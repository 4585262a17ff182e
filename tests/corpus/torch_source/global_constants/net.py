import numpy as np
import matplotlib.pyplot as plt
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from PIL import Image
import os, glob

IMG_SIZE = 48
N_CLASSES = len(['angry', 'happy', 'sad'])
BATCH = 32
EPOCHS = 10
FILTERS = [6, 10, 14]

class EmotionDataset(Dataset):
    def __init__(self, root):
        self.files = sorted(glob.glob(os.path.join(root, '*.jpg')))
    def __len__(self):
        return len(self.files)
    def __getitem__(self, i):
        return torch.tensor(np.array(Image.open(self.files[i]).convert('L'))) / 255., 0

class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        c = 1
        convs = []
        for f in FILTERS:
            convs.append(nn.Conv2d(c, f, 3, padding=1))
            convs.append(nn.BatchNorm2d(f))
            convs.append(nn.ELU())
            convs.append(nn.MaxPool2d(2))
            c = f
        self.features = nn.Sequential(*convs)
        self.flat = FILTERS[-1] * (IMG_SIZE // 2 ** len(FILTERS)) ** 2
        self.classifier = nn.Sequential(nn.Dropout(0.4), nn.Linear(self.flat, 20), nn.ReLU(), nn.Linear(20, N_CLASSES))

    def forward(self, x):
        x = self.features(x)
        # print(x.shape)
        x = x.view(-1, self.flat)
        return self.classifier(x)

def train():
    model = CNN().cuda()
    opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for ep in range(EPOCHS):
        for x, y in DataLoader(EmotionDataset('data'), batch_size=BATCH):
            l = nn.CrossEntropyLoss()(model(x.cuda()), y.cuda())
            opt.zero_grad(); l.backward(); opt.step()
            losses.append(l.item())
    plt.plot(losses); plt.show()
    torch.save({'epoch': ep, 'state_dict': model.state_dict(), 'optimizer': opt.state_dict()}, 'best.pth.tar')

if __name__ == '__main__':
    train()
