"""`mainspring cluster`: what it shows, what it finds wrong, and how changes go on until they are done."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_members import FakeMembers, a_group

from mainspring.broker.net import address, cluster_calls
from mainspring.broker.net.cluster_calls import ClusterCalls
from mainspring.nodes.cli import app, cluster_calling, cluster_status
from mainspring.nodes.cli.cluster_health import Finding, findings

JOINING = """
[node]
name = "d"
[coordinator]
shards = 2
[cluster]
join = true
[[cluster.members]]
name = "d"
member_endpoint = "ipc:///run/d.member"
client_endpoint = "ipc:///run/d.client"
"""
D = ["--member-endpoint", "ipc:///run/d.member", "--client-endpoint", "ipc:///run/d.client"]


def told(members: FakeMembers) -> list[Finding]:
    """Returns what is found."""
    with ClusterCalls([members.url("a")]) as talk:
        return findings(talk.look(150))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_calls, "ANSWER_MS", 150)
    monkeypatch.setattr(cluster_calls, "PAUSE_MS", 10)
    monkeypatch.setattr(cluster_calling, "REFUSED_MS", 50)


@pytest.fixture
def members(tmp_path: Path) -> Iterator[FakeMembers]:
    """Three members with two shards."""
    with FakeMembers(tmp_path, "abc", shards=2) as made:
        yield made


def cli(capsys: pytest.CaptureFixture[str], members: FakeMembers, *words: str) -> tuple[int, str, str]:
    """Runs a command of the group against the members; gives status, stdout and stderr."""
    status = app.run(["cluster", *words, "--url", members.url("a")])
    return status, *capsys.readouterr()


def test_a_healthy_cluster_is_shown(capsys: pytest.CaptureFixture[str], members: FakeMembers) -> None:
    """Members and shards have a line each, and nothing is found; the same without `status`."""
    status, out, err = cli(capsys, members, "status")
    assert (status, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert ["a", "answers", "yes", "0", "0", *members.rows[0][1:3]] in lines
    assert ["c", "answers", "yes", "-", "0", *members.rows[2][1:3]] in lines
    assert out.endswith("\nnothing is wrong\n")
    assert "b 0, c 0" in out
    assert cli(capsys, members) == (status, out, err)


def test_what_nobody_knows_is_not_made_up(capsys: pytest.CaptureFixture[str], members: FakeMembers) -> None:
    """A new leader has not heard from a member that is down, and where nobody leads nobody has begun to."""
    members.silent = {"c"}
    members.groups["a"][0][-1] = [["b", 100, 20, "live"], ["c", 0, 12_000, "silent"]]
    members.groups["a"][1] = a_group(1, "follower", None, members.rows)
    members.groups["b"][1] = a_group(1, "follower", None, members.rows)
    lines = [line.split() for line in cli(capsys, members)[1].splitlines()]
    assert ["c", "silent", "yes", "-", "-", *members.rows[2][1:3]] in lines
    assert any(line[:2] == ["0", "a"] and line[-2:] != ["-", "-"] for line in lines)
    assert any(line[:2] == ["1", "-"] and line[-2:] == ["-", "-"] for line in lines)
    assert "b 0, c ?" in cli(capsys, members)[1]


def test_json_has_everything(capsys: pytest.CaptureFixture[str], members: FakeMembers) -> None:
    """A program must find who leads, how far everybody is, and what is wrong."""
    members.silent = {"c"}
    status, out, _ = cli(capsys, members, "--json")
    found = json.loads(out)
    assert (status, found["ok"], found["cluster"]) == (1, False, "c" * 32)
    assert [(one["name"], one["answers"], one["leads"]) for one in found["members"]] == [
        ("a", True, [0]),
        ("b", True, [1]),
        ("c", False, []),
    ]
    shard = found["shards"][1]
    assert (shard["leader"], shard["epoch"], shard["elected_at"]) == ("b", 4, "2023-11-14T22:13:20.000Z")
    assert [view["node"] for view in shard["views"]] == ["a", "b"]
    assert shard["followers"][0] == {"name": "a", "match": 100, "silent_ms": 20, "state": "live"}
    assert [finding["what"] for finding in found["findings"]] == ["c does not answer"]


def test_a_silent_member_is_a_fault_with_a_mend(capsys: pytest.CaptureFixture[str], members: FakeMembers) -> None:
    """For how long is what the leader says."""
    members.silent = {"c"}
    members.groups["a"][0][-1] = [["b", 100, 20, "live"], ["c", 88, 12_000, "silent"]]
    status, out, _ = cli(capsys, members, "status")
    assert status == 1
    assert "fault: c does not answer (silent for 12.0 s)\n  do: look whether its node runs" in out
    assert members.url("c") in out
    assert "b 0, c 12" in out


def test_a_node_that_stands_alone(capsys: pytest.CaptureFixture[str], members: FakeMembers) -> None:
    """There is nothing to show, and nothing wrong; but nothing can be added either."""
    members.groups["a"] = [a_group(0, "leader", "a", [])]
    assert cli(capsys, members) == (0, "a stands alone: docs/cluster.md says how one node becomes three\n", "")
    status, _, err = cli(capsys, members, "add", "d", *D)
    assert (status, err.startswith("mainspring: this node stands alone: ")) == (1, True)


def test_a_node_that_waits(capsys: pytest.CaptureFixture[str], members: FakeMembers) -> None:
    """It belongs to nobody yet."""
    members.cluster["a"] = ""
    members.groups["a"] = [a_group(0, "follower", None, [])]
    assert cli(capsys, members)[1].startswith("a waits to be taken into a cluster: ")
    assert [one.level for one in told(members)] == ["note"]


def test_nobody_answers(capsys: pytest.CaptureFixture[str], members: FakeMembers) -> None:
    """The endpoints that were tried must be told."""
    members.silent = {"a", "b", "c"}
    status, out, err = cli(capsys, members)
    assert (status, out) == (1, "")
    assert (
        err
        == f"mainspring: no member answers at {members.url('a')}: start its node, or give the URL of one that runs\n"
    )


def test_adding_is_asked_again_until_it_is_done(capsys: pytest.CaptureFixture[str], members: FakeMembers) -> None:
    """Each leader is asked for its shards; those that are done are asked no more."""
    left = {0: 2, 1: 0}

    def answer(_name: str, act: Any) -> list[list[Any]]:
        codes = [[shard, "under_way" if left[shard] else "done", "d catches up"] for shard in act.shards]
        for shard in act.shards:
            left[shard] -= 1
        return codes

    members.answer = answer
    assert cli(capsys, members, "add", "d", *D, "--wait") == (0, "d is a voting member\n", "")
    asked = [(name, act.shards, act.member_endpoint, act.client_endpoint) for name, act in members.acts]
    assert sorted(asked) == [("a", [0], D[1], D[3])] * 3 + [("b", [1], D[1], D[3])]


def test_adding_need_not_be_waited_for(capsys: pytest.CaptureFixture[str], members: FakeMembers) -> None:
    """It is enough that all leaders have begun."""
    members.answer = lambda _name, act: [[shard, "under_way", "d catches up"] for shard in act.shards]
    status, out, _ = cli(capsys, members, "add", "d", *D, "--json")
    assert status == 0
    assert json.loads(out) == {
        "text": "d is a member, and votes once it has caught up",
        "shards": [{"shard": shard, "code": "under_way", "text": "d catches up"} for shard in (0, 1)],
    }


def test_what_takes_too_long_says_why(capsys: pytest.CaptureFixture[str], members: FakeMembers) -> None:
    """The reader must know that nothing is undone, and that the command may be repeated."""
    members.answer = lambda _name, act: [[shard, "under_way", "d does not answer"] for shard in act.shards]
    status, _, err = cli(capsys, members, "add", "d", *D, "--wait", "--timeout", "0.05")
    assert status == 1
    assert "shard 0: d does not answer; shard 1: d does not answer" in err
    assert "the same command again goes on" in err


def test_a_refusal_ends_it(capsys: pytest.CaptureFixture[str], members: FakeMembers) -> None:
    """The leader's own words are shown."""
    members.answer = lambda _name, act: [[shard, "refused", "another change is under way"] for shard in act.shards]
    status, _, err = cli(capsys, members, "remove", "c")
    told = "another change is under way"
    assert (status, err) == (1, f"mainspring: shard 0: {told}; shard 1: {told}\n")


def test_a_refusal_that_passes_is_waited_for(capsys: pytest.CaptureFixture[str], members: FakeMembers) -> None:
    """An earlier change may still have been under way."""
    codes = iter(["refused", "refused"])
    members.answer = lambda _name, act: [[shard, next(codes, "done"), "another one"] for shard in act.shards]
    assert cli(capsys, members, "remove", "c")[0] == 0


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["add", "c", *D], "c is a member already, at "),
        (["remove", "x"], "x is no member; there are a, b, c"),
        (["replace", "x", "d", *D], "x is no member; there are a, b, c"),
        (["transfer", "x"], "x is no member; there are a, b, c"),
        (["drain", "x"], "x is no member; there are a, b, c"),
    ],
)
def test_a_member_that_cannot_be_meant(
    capsys: pytest.CaptureFixture[str], members: FakeMembers, words: list[str], fault: str
) -> None:
    """Nobody is asked for a change then."""
    status, out, err = cli(capsys, members, *words)
    assert (status, out) == (1, "")
    assert err.startswith(f"mainspring: {fault}")
    assert members.acts == []


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["add", "d"], "missing option '--member-endpoint'"),
        (["add", "d d", *D], "invalid value for 'NAME': 'd d': give 1 to 63 letters"),
        (["add", "d", "--member-endpoint", "here", *D[2:]], "invalid value for '--member-endpoint': 'here': give an"),
        (["replace", "c", "c", *D], "invalid value: OLD and NEW are both c"),
        (["transfer", "c", "--shard", "9"], "invalid value: there is no shard 9; there are 0, 1"),
        (["remove", "c", "--timeout", "soon"], "invalid value for '--timeout': 'soon' is no duration"),
    ],
)
def test_wrong_usage_is_status_2(
    capsys: pytest.CaptureFixture[str], members: FakeMembers, words: list[str], fault: str
) -> None:
    """What was typed wrongly is told with the usage."""
    status, out, err = cli(capsys, members, *words)
    assert (status, out) == (2, "")
    assert err.startswith(f"mainspring: {fault}")


def test_options_before_the_subcommand_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """They would be passed over in silence."""
    assert app.run(["cluster", "--json", "drain", "a"]) == 2
    assert "give --url and --json behind `drain`" in capsys.readouterr().err


def test_a_removal_that_would_stop_the_cluster_is_refused(
    capsys: pytest.CaptureFixture[str], members: FakeMembers
) -> None:
    """Of three with one silent, neither of the two others may go."""
    members.silent = {"c"}
    status, _, err = cli(capsys, members, "remove", "b")
    assert status == 1
    assert "shard 1 has no leader" in err or "without b too few would be left, for c does not answer" in err


def test_replacing_adds_first(capsys: pytest.CaptureFixture[str], members: FakeMembers) -> None:
    """The old one goes when the new one votes."""
    assert cli(capsys, members, "replace", "c", "d", *D)[:2] == (
        0,
        "d votes in the place of c: delete the data folder of c\n",
    )
    assert [act.action for _, act in members.acts] == ["add", "add", "remove", "remove"]


def test_draining_asks_for_what_is_led(capsys: pytest.CaptureFixture[str], members: FakeMembers) -> None:
    """A member that leads nothing needs no draining."""
    assert cli(capsys, members, "drain", "b")[:2] == (0, "b leads nothing now: its node may be stopped\n")
    assert [(name, act.shards, act.name) for name, act in members.acts] == [("b", [1], "b")]
    assert cli(capsys, members, "drain", "c")[:2] == (0, "c leads nothing now: its node may be stopped\n")
    assert len(members.acts) == 1


def test_transferring_one_shard(capsys: pytest.CaptureFixture[str], members: FakeMembers) -> None:
    """Only its leader is asked."""
    assert cli(capsys, members, "transfer", "c", "--shard", "1")[:2] == (0, "c leads\n")
    assert [(name, act.shards, act.name) for name, act in members.acts] == [("b", [1], "c")]


def test_nothing_is_handed_to_a_silent_member(capsys: pytest.CaptureFixture[str], members: FakeMembers) -> None:
    """Its leader would only say that the time is not right; the reader must know why."""
    members.silent = {"c"}
    status, _, err = cli(capsys, members, "transfer", "c", "--shard", "0")
    assert (status, err) == (1, "mainspring: c does not answer, so it cannot lead: start its node first\n")
    assert members.acts == []


def test_nothing_is_handed_to_a_learner(capsys: pytest.CaptureFixture[str], members: FakeMembers) -> None:
    """It has no vote, and says so when it has."""
    rows = [*members.rows[:2], [*members.rows[2][:3], 0]]
    members.groups["a"][0] = a_group(0, "leader", "a", rows)
    members.groups["b"][1] = a_group(1, "leader", "b", rows)
    status, _, err = cli(capsys, members, "transfer", "c")
    assert (status, err) == (
        1,
        "mainspring: c does not vote yet, so it cannot lead: wait until it has caught up\n",
    )
    assert members.acts == []


def test_the_only_voter_hands_nothing_over(capsys: pytest.CaptureFixture[str], members: FakeMembers) -> None:
    """No other one will ever have caught up; nor will those that are silent."""
    for shard in (0, 1):
        members.groups["a"][shard] = a_group(shard, "leader", "a", members.rows[:1])
    members.silent = {"b", "c"}
    status, _, err = cli(capsys, members, "drain", "a")
    assert (status, err.startswith("mainspring: a is the only voter, so no other member can lead")) == (1, True)
    for shard in (0, 1):
        members.groups["a"][shard] = a_group(shard, "leader", "a", members.rows)
    status, _, err = cli(capsys, members, "drain", "a")
    assert (status, err.startswith("mainspring: b, c do not answer, so nobody can lead in the place of a")) == (1, True)
    assert members.acts == []


def test_a_host_that_nobody_knows_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told at once, and not after as long as a node may need."""

    def resolve(*_: object) -> None:
        raise address.kernel.gaierror(address.kernel.EAI_NONAME, "not known")

    monkeypatch.setattr(address.kernel, "getaddrinfo", resolve)
    for words in (["jobs"], ["cluster"]):
        assert app.run([*words, "--url", "tcp://gone.test:1,tcp://gone.test:2"]) == 1
        err = capsys.readouterr().err
        assert err.startswith("mainspring: no ")
        assert err.endswith("gone.test is no name that resolves here; correct the URL, or the name service\n")


def test_growing_reads_the_files(capsys: pytest.CaptureFixture[str], members: FakeMembers, tmp_path: Path) -> None:
    """Each file's node is taken in, one after the other."""
    (tmp_path / "d.toml").write_text(JOINING)
    (tmp_path / "e.toml").write_text(JOINING.replace('"d"', '"e"').replace("/d.", "/e."))
    files = [str(tmp_path / name) for name in ("d.toml", "e.toml")]
    status, out, _ = cli(capsys, members, "grow", *files)
    assert (status, out) == (0, "d is a voting member\ne is a voting member\n")
    assert [act.name for _, act in members.acts] == ["d", "d", "e", "e"]
    assert members.acts[-1][1].client_endpoint == "ipc:///run/e.client"


def test_a_file_that_does_not_join_is_refused(
    capsys: pytest.CaptureFixture[str], members: FakeMembers, tmp_path: Path
) -> None:
    """Its node would have begun a cluster of its own."""
    (tmp_path / "d.toml").write_text(JOINING.replace("join = true", ""))
    status, _, err = cli(capsys, members, "grow", str(tmp_path / "d.toml"))
    assert status == 2
    assert "has no `join = true`" in err
    assert members.acts == []


def test_a_node_with_other_shards_is_refused(
    capsys: pytest.CaptureFixture[str], members: FakeMembers, tmp_path: Path
) -> None:
    """It could never have all that it would vote on."""
    (tmp_path / "d.toml").write_text(JOINING.replace("shards = 2", "shards = 1"))
    status, _, err = cli(capsys, members, "grow", str(tmp_path / "d.toml"))
    assert status == 2
    assert "has shards = 1, and the cluster has 2: set [coordinator] shards = 2" in err
    assert members.acts == []


def test_a_row_of_a_newer_version_does_no_harm(members: FakeMembers) -> None:
    """A column that this version does not know is passed over."""
    members.groups["a"][0].append("more")
    with ClusterCalls([members.url("a")]) as talk:
        assert len(cluster_status.shards(talk.look(150))) == 2
