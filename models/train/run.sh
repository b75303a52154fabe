#!/bin/sh
# The model from start to end, one command each; every step can be interrupted and given again.
#   run.sh repos                    the repositories whose mirrors are needed, one a line
#   run.sh data MIRRORS WORK        brings the files out of the mirrors and packs crops of them (40 GB in WORK)
#   run.sh train WORK [MINUTES]     fine-tunes from ImageNet weights; goes on where it stood
#   run.sh export WORK MODEL        writes the ONNX file, its facts and sources.csv into the model's folder
#   run.sh evaluate WORK MODEL      calibrates on the program's own logits, checks parity, measures val and writes the card
# MIRRORS holds one folder a repository, named owner+name, with a git directory in it. The corpus is TOUCHSTONE_CORPUS, else `shared` beside the checkout.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
corpus=${TOUCHSTONE_CORPUS:-$root/../shared}
absolute() { mkdir -p "$1" && (cd "$1" && pwd); }
# One thread, and an allocator that keeps what it has: a quarter more crops a second on a processor.
export TOUCHSTONE_CORPUS="$corpus" OMP_NUM_THREADS=1 MALLOC_MMAP_THRESHOLD_=8000000000 MALLOC_TRIM_THRESHOLD_=16000000000

environment() {
    [ -e "$1/env/ready" ] || { python3 -m venv "$1/env" && "$1/env/bin/pip" install --quiet --requirement "$here/requirements.txt" && touch "$1/env/ready"; }
    PATH="$1/env/bin:$PATH"
}

# 1 means that images were missing, each of them named; whatever else goes wrong ends here.
bench() {
    status=0
    measure "$@" || status=$?
    [ "$status" -le 1 ]
}

measure() {
    cargo run --quiet --release --locked --manifest-path "$root/Cargo.toml" -- bench accuracy "$@"
}

case ${1:-} in
repos)
    { python3 "$corpus/data/bring.py" repos val; python3 "$corpus/data/bring.py" repos more; python3 "$here/extras.py" --repos; echo madebyollin/taesd; } | sort -u
    ;;
data)
    mirrors=$(absolute "$2") work=$(absolute "$3")
    environment "$work"
    cd "$here"
    # What is missing is said and left out: a mirror more or less is no reason to stop.
    python "$corpus/data/bring.py" extract val "$mirrors" "$work/val" || true
    python "$corpus/data/bring.py" extract more "$mirrors" "$work" || true
    python originals.py "$mirrors" "$work/orig"
    python extras.py "$mirrors" "$work" || true
    python pack.py train "$work/p_train"
    python pack.py more "$work/p_more" --files "$work"
    python pack.py "$work/orig/originals.csv" "$work/p_orig" --files "$work/orig"
    python pack.py extra "$work/p_extra" --files "$work"
    python reconstruct.py "$mirrors" "$work/p_orig.tiles" "$work/p_auto.tiles" || true
    python probe.py "$work/p_train.tiles" "$work/p_more.tiles" "$work/p_orig.tiles" "$work/p_extra.tiles"
    ;;
train)
    work=$(absolute "$2")
    environment "$work"
    cd "$here"
    python train.py "$work/model" "$work"/p_*.tiles.npy "$work"/p_*.whole.npy --pasted 0.25 --minutes "${3:-240}"
    ;;
export)
    work=$(absolute "$2") model=$(absolute "$3")
    environment "$work"
    cd "$here"
    python export.py "$work/model.pt" "$model/$(basename "$model").onnx"
    python sources.py "$model" "$work"/p_*.tiles.npy "$work"/p_*.whole.npy --list "$work/orig/originals.csv"
    ;;
evaluate)
    work=$(absolute "$2") model=$(absolute "$3")
    environment "$work"
    cd "$here"
    export TOUCHSTONE__PIPELINE__MODEL="$model"
    python calibrate.py --manifest "$work/calibration.csv" --most 12
    bench "$work/calibration.csv" --files "$work" --tiers clean,web,hard --dump "$work/calibration.jsonl"
    python calibrate.py "$model" "$work/calibration.jsonl" --features "means and largest tile" --write
    bench "$corpus/data/val.csv" --files "$corpus/data" --files "$work/val" --robustness --dump "$work/val.jsonl" --plots "$model/plots" --card "$model"
    python folds.py "$work/model.pt" "$work/calibration.csv" "$corpus/data/val.csv" --files "$work" --files "$corpus/data" --files "$work/val"
    python judge.py "$model" "$corpus/data/val.csv" "$work/val.python.jsonl" --files "$corpus/data" --files "$work/val" --compare "$work/val.jsonl"
    ;;
*)
    sed -n '2,8s/^# *//p' "$0"
    exit 2
    ;;
esac
