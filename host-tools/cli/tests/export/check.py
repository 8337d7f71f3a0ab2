"""Reads exports with the tools that they are for, and fails where a name, a time or a count differs.

check.py perfetto TRACE CSV | parquet FOLDER CSV | count FOLDER ROWS | metrics TEXT
"""

import csv
import sys
from collections import Counter


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def perfetto(trace_path, csv_path):
    from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as proto

    trace = proto.Trace()
    with open(trace_path, "rb") as file:
        trace.ParseFromString(file.read())
    tracks, slices, depth, last_count = {}, [], Counter(), {}
    for packet in trace.packet:
        assert packet.trusted_packet_sequence_id == 1
        if packet.HasField("track_descriptor"):
            tracks[packet.track_descriptor.uuid] = packet.track_descriptor
            continue
        event = packet.track_event
        track = tracks[event.track_uuid]
        if event.type == event.TYPE_SLICE_BEGIN:
            depth[event.track_uuid] += 1
            assert depth[event.track_uuid] == 1, "a fault within a fault"
            if track.name.startswith("task") or track.name == "no task":
                slices.append((packet.timestamp, track.name, event))
        elif event.type == event.TYPE_SLICE_END:
            depth[event.track_uuid] -= 1
        else:
            assert event.type == event.TYPE_COUNTER and track.counter.unit_name == "faults"
            last_count[event.track_uuid] = event.counter_value
    assert not +depth, depth
    faults = rows(csv_path)
    assert len(slices) == len(faults) == sum(last_count.values()), (len(slices), len(faults), last_count)
    for (timestamp, name, event), fault in zip(slices, faults):
        assert event.name == fault["text"]
        assert name == (f"task {fault['task']}" if fault["task"] else "no task")
        if fault["boot"] == "0" and fault["time_us"]:
            assert timestamp == int(fault["time_us"]) * 1000
        arguments = {it.name: it for it in event.debug_annotations}
        assert arguments["address"].pointer_value == int(fault["address"], 16)
        assert arguments["epc"].pointer_value == int(fault["epc"], 16)
        assert not fault["seq"] or arguments["seq"].uint_value == int(fault["seq"])
    roots = [it for it in tracks.values() if not it.parent_uuid]
    assert len(roots) == 1, "one board"
    assert any(it.name.startswith("hart") for it in tracks.values())
    print(len(slices))


def parquet(folder, csv_path):
    import duckdb
    import polars

    files = f"{folder}/**/*.parquet"
    wanted = Counter(fault["text"] for fault in rows(csv_path))
    found = duckdb.sql(f"select board, text, count(*) from '{files}' group by all").fetchall()
    assert {text: count for _, text, count in found} == wanted, found
    boards = {board for board, _, _ in found}
    lazy = polars.scan_parquet(files, hive_partitioning=True)
    frame = lazy.group_by("board", "text").len().collect()
    assert {(b, t, n) for b, t, n in frame.rows()} == set(found), frame
    order = "received, boot, seq, time_us"
    all_rows = duckdb.sql(f"select * from '{files}' order by {order}").fetchall()
    names = [it[0] for it in duckdb.sql(f"describe select * from '{files}'").fetchall()]
    for found_row, fault in zip(all_rows, rows(csv_path)):
        row = dict(zip(names, found_row))
        for name in ("boot", "seq", "time_us", "task", "cause", "level", "cost"):
            assert str(row[name] if row[name] is not None else "") == fault[name], (name, row, fault)
        for name in ("address", "epc", "entry", "frame", "satp"):
            shown = "" if row[name] is None else hex(row[name])
            assert shown == fault[name], (name, row, fault)
    print(*sorted(boards))


def count(folder, expected):
    """The query of a farm, with the memory and the time it took."""
    import resource
    import time

    import duckdb
    import polars

    files = f"{folder}/**/*.parquet"
    start = time.monotonic()
    query = f"select board, cause, count(*) from read_parquet('{files}') group by all"
    found = duckdb.sql(query).fetchall()
    duck = time.monotonic() - start
    assert sum(row[2] for row in found) == int(expected), found[:5]
    start = time.monotonic()
    lazy = polars.scan_parquet(files, hive_partitioning=True)
    frame = lazy.group_by("board", "cause").len().collect()
    assert {tuple(row) for row in frame.rows()} == set(found)
    polar = time.monotonic() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{len(found)} rows, DuckDB {duck:.2f} s, Polars {polar:.2f} s, {memory} MiB")


def metrics(path):
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse

    with open(path) as file:
        for family in parse(file.read()):
            for sample in family.samples:
                print(sample.name, sample.labels.get("board", "-"), int(sample.value))


globals()[sys.argv[1]](*sys.argv[2:])
