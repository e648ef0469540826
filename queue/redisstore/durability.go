package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/signalbox-mq/signalbox/queue"
)

// Durability is what an acknowledged write has survived to be acknowledged. The zero value leaves the choice to the store: the
// strongest that the deployment supports.
type Durability struct {
	// Kind is what is waited for.
	Kind DurabilityKind
	// Replicas is how many replicas have received the write, for DurabilityReplicas: at least 1.
	Replicas int
}

// DurabilityKind is what an acknowledgement waits for.
type DurabilityKind uint8

const (
	// DurabilityAuto chooses when the store is opened.
	DurabilityAuto DurabilityKind = iota
	// DurabilityAsync waits for the master only. A failover or a crash loses what was acknowledged last.
	DurabilityAsync
	// DurabilityReplicas waits until Replicas replicas have received the write (WAIT).
	DurabilityReplicas
	// DurabilityFsync waits until the write is in the master's append-only file on disk: WAITAOF where the server has it
	// (Redis 7.2, Valkey), otherwise appendfsync always.
	DurabilityFsync
)

// maxReplicas bounds N of replicas:N, to catch what can only be a mistake.
const maxReplicas = 16

// String returns the form of the URL: "async", "replicas:2", "fsync", and "auto" for the zero value.
func (d Durability) String() string {
	switch d.Kind {
	case DurabilityAsync:
		return "async"
	case DurabilityReplicas:
		return "replicas:" + strconv.Itoa(d.Replicas)
	case DurabilityFsync:
		return "fsync"
	default:
		return "auto"
	}
}

func parseDurability(text string) (Durability, error) {
	switch text {
	case "async":
		return Durability{Kind: DurabilityAsync}, nil
	case "fsync":
		return Durability{Kind: DurabilityFsync}, nil
	}
	if number, ok := strings.CutPrefix(text, "replicas:"); ok {
		if n, err := strconv.Atoi(number); err == nil && n >= 1 && n <= maxReplicas {
			return Durability{Kind: DurabilityReplicas, Replicas: n}, nil
		}
		return Durability{}, invalid("durability", "must have a number of replicas between 1 and %d", maxReplicas)
	}
	return Durability{}, invalid("durability", "must be async, replicas:N or fsync")
}

// confirmation is the command that ends a batch with durable calls, and what its answer means. The zero value is for none:
// async, and fsync on a server that fsyncs before it answers at all.
//
// That server is one with appendfsync always: Redis writes replies only when it has gone through all commands that it has
// read, and before the first of them it writes and fsyncs the append-only file (beforeSleep calls flushAppendOnlyFile
// ahead of handleClientsWithPendingWrites; if the fsync fails, the process exits). The batch's replies are the confirmation.
type confirmation struct {
	replicas int  // WAIT for so many
	aof      bool // WAITAOF 1 0
}

func (w confirmation) needed() bool { return w.replicas > 0 || w.aof }

// command returns the command, which waits for what was written on its own connection before it.
func (w confirmation) command(ctx context.Context, timeoutMS int64) *redis.Cmd {
	if w.aof {
		return redis.NewCmd(ctx, "waitaof", 1, 0, timeoutMS)
	}
	return redis.NewCmd(ctx, "wait", w.replicas, timeoutMS)
}

var errShape = errors.New("answer has an unexpected shape")

// judge returns nil if the answer of command confirms the batch.
func (w confirmation) judge(cmd *redis.Cmd) error {
	reply, err := cmd.Result()
	if err != nil {
		return fmt.Errorf("%w: written on the master, not confirmed: %w", queue.ErrUnavailable, err)
	}
	// WAIT answers with the number of replicas, WAITAOF with the numbers of local and replicas' files.
	if w.aof {
		pair, ok := reply.([]any)
		if !ok || len(pair) != 2 {
			return fmt.Errorf("%w: WAITAOF: %w", queue.ErrUnavailable, errShape)
		}
		reply = pair[0]
	}
	n, ok := reply.(int64)
	switch {
	case !ok:
		return fmt.Errorf("%w: confirmation: %w", queue.ErrUnavailable, errShape)
	case w.aof && n < 1:
		return fmt.Errorf("%w: written on the master, not confirmed to be on its disk in time", queue.ErrUnavailable)
	case n < int64(w.replicas):
		return fmt.Errorf("%w: written on the master, confirmed by %d of %d replicas in time", queue.ErrUnavailable, n, w.replicas)
	}
	return nil
}
