import gym
import numpy as np
import torch
import torch.nn as nn


def layer(n_in, n_out, std=np.sqrt(2)):
    made = nn.Linear(n_in, n_out)
    nn.init.orthogonal_(made.weight, std)
    return made


class Agent(nn.Module):
    def __init__(self, env):
        super().__init__()
        n_obs = int(np.prod(env.observation_space.shape))
        self.actor = nn.Sequential(layer(n_obs, 12), nn.Tanh(), layer(12, env.action_space.n, std=0.01))
        self.critic = nn.Sequential(layer(n_obs, 12), nn.Tanh(), layer(12, 1))

    def forward(self, obs):
        return self.actor(obs), self.critic(obs)


env = gym.make("LunarLander-v2")
agent = Agent(env)
