#!/usr/bin/env bash
# MWAA's start-up script: settings from Airflow's configuration, and an environment of its own for pinlake.
# An option `pinlake.<name>` of the environment's configuration becomes the variable PINLAKE_<NAME>. Tasks on this
# machine run the command of the wheel in dags/wheel, installed once with the versions of the requirements.txt beside
# it; tasks on Databricks need none. A failure here is told and leaves Airflow to start.

for option in $(compgen -e AIRFLOW__PINLAKE__); do
  export "PINLAKE_${option#AIRFLOW__PINLAKE__}=${!option}"
done

airflow_home=${AIRFLOW_HOME:-/usr/local/airflow}
pinlake_place=$airflow_home/pinlake

make_pinlake() (
  set -euo pipefail
  cd "$airflow_home/dags/wheel"
  wheels=(pinlake-*.whl)
  [ ${#wheels[@]} = 1 ] && [ -f "${wheels[0]}" ] && [ -f requirements.txt ] || {
    echo "startup.sh: dags/wheel is to hold one pinlake-<version>.whl and its requirements.txt" >&2
    exit 1
  }
  mkdir -p "$pinlake_place"
  exec 9>"$pinlake_place/lock"
  flock 9
  wanted=$(cat "${wheels[0]}" requirements.txt | cksum)
  [ "$(cat "$pinlake_place/installed" 2>/dev/null)" != "$wanted" ] || exit 0
  python3 -m venv --clear "$pinlake_place/venv"
  install() { "$pinlake_place/venv/bin/python" -m pip install -q --disable-pip-version-check --find-links . "$@"; }
  install --require-hashes -r requirements.txt
  install --no-deps "${wheels[0]}"
  printf '%s\n' "$wanted" > "$pinlake_place/installed"
  echo "startup.sh: installed ${wheels[0]} in $pinlake_place/venv"
)

if [ "${PINLAKE_AIRFLOW_RUN:-local}" = local ] && [ "${MWAA_AIRFLOW_COMPONENT:-}" != webserver ]; then
  if make_pinlake; then
    export PINLAKE_COMMAND=$pinlake_place/venv/bin/pinlake
  else
    echo "startup.sh: tasks will fail until PINLAKE_COMMAND names the pinlake command" >&2
  fi
fi
if [ "${PINLAKE_AIRFLOW_RUN:-local}" = local ]; then
  export PINLAKE_HOME=${PINLAKE_HOME:-$airflow_home/pinlake-home}
fi
