{{ observations('bess_observations') }}
