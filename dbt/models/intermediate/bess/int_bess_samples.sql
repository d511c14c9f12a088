-- Raw samples of the signals whose figures can't be had from rolled-up values: what two signals say at the same instant, when
-- any of several alarms is active, how far the state of charge went down. For every day in which anything of the system
-- is rebuilt, with what reaches into it.
with systems as (
    select asset_id, min(day_start_us) as from_us, max(day_end_us) as to_us
    from {{ ref('int_asset_days') }}
    group by asset_id
),

signals as (
    select signals.*, systems.from_us, systems.to_us
    from {{ ref('stg_shared__signals') }} as signals
    inner join {{ ref('stg_shared__assets') }} as assets on signals.asset_id = assets.asset_id
    inner join systems on signals.asset_id = systems.asset_id
    where assets.domain = 'bess'
        and (
            signals.kind = 'alarm'
            or signals.role in (
                'soc', 'alarm', 'alarm_code', 'pack_current', 'rack_current',
                'cell_v_max', 'cell_v_min', 'cell_v_avg', 'cell_v_spread',
                'cell_t_max', 'cell_t_min', 'cell_t_avg', 'cell_t_spread'
            )
        )
),

samples as (
    select
        signals.asset_id,
        signals.signal,
        signals.kind,
        signals.role,
        signals.unit,
        signals.max_gap_us,
        epoch_us(observations.ts) as at_us,
        observations.value * coalesce(case when signals.role like 'cell_v%' then {{ volts_per_unit('signals.unit') }} end, 1) as value,
        case
            when signals.is_code
                then coalesce(observations.text, regexp_replace(observations.value::varchar, '\.0$', '')) not in ('', '0')
            when signals.kind = 'alarm' then observations.value <> 0
        end as is_active
    from {{ ref('stg_shared__observations') }} as observations
    inner join signals
        on observations.asset_id = signals.asset_id
        and observations.signal = signals.signal
        and epoch_us(observations.ts) >= signals.from_us - signals.max_gap_us
        and epoch_us(observations.ts) < signals.to_us
    where observations.value is not null or signals.is_code
)

select
    * exclude (max_gap_us),
    -- Across a gap nothing is said of what happened between.
    case when at_us - lag(at_us) over series <= max_gap_us then lag(value) over series end as value_before,
    lag(at_us) over series as before_us,
    least(lead(at_us) over series, at_us + max_gap_us) as until_us
from samples
window series as (partition by asset_id, signal order by at_us)
