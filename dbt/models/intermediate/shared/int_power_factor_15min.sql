-- Power factors rolled up through active and apparent energy: a mean of power factors would weigh an idle minute like a full
-- one. Each sample of the factor takes the last value of its paired power at or before it, both as magnitudes: the sign
-- says import or export, or inductive or capacitive, and must not cancel. S = |P| / |pf|; where the pair is an apparent
-- power, P = S * |pf|. Below 0.01 the division tells nothing, above 1 the factor is none: such samples are left out and
-- counted.
{%- set quarter_us = 15 * 60 * 1000000 %}
with pairs as (
    select
        factor.asset_id,
        factor.signal,
        factor.max_gap_us,
        power.signal as pair_signal,
        power.max_gap_us as pair_gap_us,
        {{ kw_per_unit('power.unit') }} as kilo,
        power.unit in ('VA', 'kVA') as is_apparent,
        reach.from_us,
        reach.to_us
    from {{ ref('stg_shared__signals') }} as factor
    inner join {{ ref('stg_shared__signals') }} as power
        on factor.asset_id = power.asset_id and factor.pair_signal = power.signal
    inner join (
        select asset_id, min(day_start_us) as from_us, max(day_end_us) as to_us
        from {{ ref('int_asset_days') }}
        group by asset_id
    ) as reach on factor.asset_id = reach.asset_id
    where factor.kind = 'power_factor'
),

factors as (
    select
        pairs.*,
        epoch_us(observations.ts) as at_us,
        abs(observations.value) as factor,
        least(
            lead(epoch_us(observations.ts)) over (partition by pairs.asset_id, pairs.signal order by observations.ts),
            epoch_us(observations.ts) + pairs.max_gap_us
        ) as until_us
    from {{ ref('stg_shared__observations') }} as observations
    inner join pairs
        on observations.asset_id = pairs.asset_id
        and observations.signal = pairs.signal
        and epoch_us(observations.ts) >= pairs.from_us - pairs.max_gap_us
        and epoch_us(observations.ts) <= pairs.to_us + 3600000000
    where observations.value is not null
),

powers as (
    select
        pairs.asset_id,
        pairs.signal,
        epoch_us(observations.ts) as at_us,
        coalesce(epoch_us(observations.interval_end) - 1, epoch_us(observations.ts) + pairs.pair_gap_us) as last_us,
        abs(observations.value) * pairs.kilo as kilo_value
    from {{ ref('stg_shared__observations') }} as observations
    inner join pairs
        on observations.asset_id = pairs.asset_id
        and observations.signal = pairs.pair_signal
        and epoch_us(observations.ts) >= pairs.from_us - pairs.max_gap_us - pairs.pair_gap_us
        and epoch_us(observations.ts) <= pairs.to_us + 3600000000
    where observations.value is not null
),

paired as (
    select
        factors.*,
        factors.factor between 0.01 and 1 and coalesce(powers.last_us >= factors.at_us, false) as is_used,
        case when factors.is_apparent then powers.kilo_value * factors.factor else powers.kilo_value end as p_kw,
        case when factors.is_apparent then powers.kilo_value else powers.kilo_value / factors.factor end as s_kva
    from factors
    asof left join powers
        on factors.asset_id = powers.asset_id
        and factors.signal = powers.signal
        and factors.at_us >= powers.at_us
),

buckets as (
    select
        *,
        unnest(range(at_us // {{ quarter_us }}, (until_us - 1) // {{ quarter_us }} + 1)) * {{ quarter_us }} as bucket_us
    from paired
),

clipped as (
    select
        *,
        least(bucket_us + {{ quarter_us }}, until_us) - greatest(bucket_us, at_us) as piece_us,
        bucket_us <= at_us as is_own_bucket
    from buckets
)

select
    asset_id,
    signal,
    bucket_us,
    count(*) filter (where is_own_bucket and is_used) as n,
    count(*) filter (where is_own_bucket and not is_used) as n_left_out,
    sum(p_kw * piece_us) filter (where is_used) / 3600000000 as p_kwh,
    sum(s_kva * piece_us) filter (where is_used) / 3600000000 as s_kvah,
    coalesce(sum(piece_us) filter (where is_used), 0)::bigint as covered_us
from clipped
group by asset_id, signal, bucket_us
having count(*) filter (where is_own_bucket or is_used) > 0
