{{ observations('meter_observations') }}
