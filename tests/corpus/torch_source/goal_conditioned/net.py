import torch
import torch.nn as nn


class GoalNet(nn.Module):
    def __init__(self, state_dim, goal_dim, action_dim, hidden_dim):
        super().__init__()
        self.goal = nn.Linear(goal_dim, goal_dim)
        self.fc1 = nn.Linear(state_dim + goal_dim + 1, hidden_dim)  # and the time
        self.fc2 = nn.Linear(hidden_dim, hidden_dim // 2 + 1)
        self.advantage = nn.Linear(hidden_dim // 2 + 1, action_dim + 1)  # and doing nothing

    def forward(self, state, goal, step):
        x = torch.cat([state, torch.tanh(self.goal(goal)), step], dim=-1)
        x = torch.relu(self.fc2(torch.relu(self.fc1(x))))
        a = self.advantage(x)
        return a - a.mean(dim=1, keepdim=True)
