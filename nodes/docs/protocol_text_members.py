"""Holds the part of docs/protocol.md about clusters that is written by hand: the map, what operators ask, members.

It must not know how the page is laid out, nor when a member says what: docs/consensus.md has the rules.
"""

from typing import Final

from ...broker.wire.member_messages import MEMBER_FRAME_BYTES_MAX, SNAPSHOT_CHUNK_BYTES, SNAPSHOT_CREDIT_CHUNKS

CLUSTERS: Final = f"""\
## Clusters

Several coordinators may keep the same shards (see [consensus.md](consensus.md)). Each shard has one leader at a time;
only the leader takes requests for it.

* A coordinator answers a hello with a welcome for each shard that it leads. If it does not lead all of them, it sends
  ClusterMap too, and again whenever a leader or a member changes. Who begins to lead a shard sends HelloNeeded with its
  epoch to all who have said hello.
* A client or an executor SHOULD connect to all members that a map names, and say hello to each. Who welcomes leads. A
  map ends a reign and begins none, for who was elected may not serve yet.
* Epochs order leaders. What comes under a lower epoch than was seen for that shard is passed over.
* A request for a shard that is led elsewhere gets Refused(`not_here`). It was not taken; send it to the leader.
* A session belongs to the shard and not to a coordinator. The same (session, sequence) is sent again to the new leader,
  and gets the same answer.
* An executor gives heartbeats, credit and results of a shard to its leader. While there is none they wait, and runs go
  on until their leases are over. `held` of a hello lists the leases of all shards, and `epochs` the leaders that the
  executor knows of; it MUST NOT take a Run of an older one after that. So a new leader knows that what is not in `held`
  does not run, and never will. `links` of a hello names those on its other connections: a coordinator that it reaches
  by two ways passes the second one over while the first one stands. A FinishedAck is true whoever gives it.

### What operators ask

* ClusterAsk goes to every member. Each answers with its own view, whether it leads or not.
* ClusterAct goes to the leader of each shard. Any member may be asked; it does the act for the shards that it leads,
  and says `not_here` for the others. An act that is `under_way` is asked again until it is `done`. One that is
  `refused` because another change is under way may be asked again a moment later.

### Members among themselves

Members use the same frames on endpoints of their own. Neither clients nor executors are heard there.

* Each member connects a DEALER to the ROUTER of every other one. What is for a member goes over the connection to it. A
  member that is not known yet is answered where it has spoken from.
* Each multipart begins with MemberHello. What comes under another cluster's id is dropped; so is what comes from an
  incarnation that another one has followed.
* A frame between members has at most {MEMBER_FRAME_BYTES_MAX:_} bytes, for an entry may be large.
* `group` is the shard's number plus one, `term` the epoch.
* A copy of a shard travels in pieces of {SNAPSHOT_CHUNK_BYTES:_} bytes, at most {SNAPSHOT_CREDIT_CHUNKS} of them on
  the way. It is checked by its SHA-256 before it is used.
"""
