#!/usr/bin/env bash
# Applies everything under terraform/ to the moto that AWS_ENDPOINT_URL names, in the order in which an account gets it, and leaves the
# second plans in $1 as <root>.json. The packages lie in $2 as <service>.zip. The services are applied at the same time: the provider waits
# half a minute for each queue, and none of them waits for another.
#
#   AWS_ENDPOINT_URL=http://127.0.0.1:5000 test/aws/apply.sh <folder of plans> <folder of packages>
set -euo pipefail
plans=$(mkdir -p "$1" && cd "$1" && pwd)
packages=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
tf="$here/../../terraform/tf"
: "${AWS_ENDPOINT_URL:?says where moto listens}"
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=eu-west-1 LLAC_LOCAL=1 TF_IN_AUTOMATION=1 CHECKPOINT_DISABLE=1
# Nothing of this is left in the work tree.
export LLAC_TF_DATA="${LLAC_TF_DATA:-$plans/.terraform}" LLAC_ACCOUNT_FILE="$plans/account.hcl"
services="scheduler fetcher validator stager quality-gate landing-janitor"

digest() { if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1; }
arguments() { # of a root
  case "$1" in
    stacks/security) echo "-var-file=$here/security.tfvars" ;;
    stacks/marts) echo "-var=github_repository=llac-project/llac" ;;
    services/*) echo "-var=artifact_sha256=$(digest "$packages/${1#services/}.zip")" ;;
  esac
}
apply() {
  local started=$SECONDS log="$plans/${1//\//-}.log"
  # shellcheck disable=SC2046
  "$tf" dev "$1" apply -auto-approve -no-color $(arguments "$1") >"$log" 2>&1 || { echo "$1 was not applied:" >&2; tail -n 40 "$log" >&2; return 1; }
  echo "applied $1 in $((SECONDS - started)) s: $(grep -o 'Resources: .*' "$log")"
}
plan() {
  local name="${1//\//-}"
  # shellcheck disable=SC2046
  "$tf" dev "$1" plan -no-color -lock=false -out="$plans/$name.plan" $(arguments "$1") >"$plans/$name.second.log" 2>&1 || { tail -n 40 "$plans/$name.second.log" >&2; return 1; }
  "$tf" dev "$1" show -json "$plans/$name.plan" >"$plans/$name.json" 2>>"$plans/$name.second.log"
}
# all <function> <root>... at the same time, but no more than so many.
all() {
  local f=$1 failed=0 pids=()
  shift
  for root in "$@"; do
    while [ "$(jobs -rp | wc -l)" -ge "${LLAC_APPLY_PARALLEL:-6}" ]; do sleep 0.2; done
    "$f" "$root" & pids+=($!)
  done
  for p in "${pids[@]}"; do wait "$p" || failed=1; done
  return $failed
}

apply bootstrap
for s in $services; do
  curl -sS -f -o /dev/null -X PUT -H 'Content-Type: application/zip' \
    -H 'Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0' \
    --data-binary "@$packages/$s.zip" "$AWS_ENDPOINT_URL/llac-artifacts-123456789012/functions/$s/$(digest "$packages/$s.zip").zip"
done
all apply stacks/storage stacks/security # neither needs the other
apply stacks/messaging
# shellcheck disable=SC2086
all apply $(printf 'services/%s ' $services) stacks/monitoring stacks/marts
[ -n "${LLAC_NO_SECOND_PLAN:-}" ] && exit
LLAC_APPLY_PARALLEL=2
# shellcheck disable=SC2086
all plan bootstrap stacks/storage stacks/security stacks/messaging stacks/monitoring stacks/marts $(printf 'services/%s ' $services)
