"""A critic: what it was made with, the weights say the sum of only."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class Critic(nn.Module):
    def __init__(self, state_dim, action_dim):
        super().__init__()
        self.l1 = nn.Linear(state_dim + action_dim, 8)
        self.l2 = nn.Linear(8, 1)
        self.l3 = nn.Linear(state_dim + action_dim, 8)
        self.l4 = nn.Linear(8, 1)

    def forward(self, state, action):
        sa = torch.cat([state, action], 1)
        q1 = self.l2(F.relu(self.l1(sa)))
        q2 = self.l4(F.relu(self.l3(sa)))
        return q1, q2


class Agent:
    def __init__(self, state_dim, action_dim, lr=3e-4):
        self.critic = Critic(state_dim, action_dim)
        self.optimizer = torch.optim.Adam(self.critic.parameters(), lr=lr)

    def save(self, filename):
        torch.save(self.critic.state_dict(), filename + "_critic")
