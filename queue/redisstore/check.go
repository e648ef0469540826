package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// refusal says by name what about a deployment can not be borne. Trying again does not help.
type refusal struct {
	reason string
	is     error // what callers know it by, or nil
}

func (e *refusal) Error() string { return e.reason }
func (e *refusal) Unwrap() error { return e.is }

func refuse(format string, args ...any) error { return &refusal{reason: fmt.Sprintf(format, args...)} }

func isRefusal(err error) bool {
	_, ok := errors.AsType[*refusal](err)
	return ok
}

// permanent turns an error reply that will be the same next time into a refusal.
func permanent(err error) error {
	reply, ok := errors.AsType[redis.Error](err)
	if !ok || isRefusal(err) {
		return err
	}
	for _, prefix := range []string{"NOAUTH", "WRONGPASS", "NOPERM", "ERR "} {
		if strings.HasPrefix(reply.Error(), prefix) && !strings.HasPrefix(reply.Error(), "ERR max number of clients") {
			return &refusal{reason: err.Error()}
		}
	}
	return err
}

// report is what was found at the start.
type report struct {
	// durability is what is waited for, never DurabilityAuto, and how is how it is reached, for the log.
	durability   Durability
	how          string
	confirmation confirmation
	// servers says what the servers are: "standalone, Redis 7.0.15".
	servers string
	// warnings are what an operator should look at. notes are in order, but good to know.
	warnings, notes []string
}

// describe returns what was found at the start: what writes wait for, what the servers are, and what an operator should know.
func (c *client) describe() report { return c.report }

// facts are what matters of one master.
type facts struct {
	addr          string
	redis, valkey string // versions; valkey is empty on Redis
	role          string
	online        int      // replicas that follow
	lagging       []string // replicas that do not, or not yet
	aof           bool
	appendfsync   string // "" if it could not be read
	waitaof       bool
	memoryKnown   bool
	maxmemory     int64
	policy        string
	minReplicas   string // "" if it could not be read
	fullCoverage  string // "" if it could not be read, or is no cluster
	skew          time.Duration
	unchecked     string // why the settings could not be read
}

// detect asks the first server that answers what it is, if the URL does not say.
func detect(ctx context.Context, s settings) (mode, error) {
	if s.mode != modeAuto {
		return s.mode, nil
	}
	var failed []error
	for _, addr := range s.addrs {
		node := redis.NewClient(s.nodeOptions(addr))
		text, err := node.Info(ctx, "server").Result()
		_ = node.Close()
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", addr, permanent(err)))
			continue
		}
		switch kind := parseInfo(text)["redis_mode"]; {
		case kind == "cluster":
			if s.db != 0 {
				return "", invalid("url", "has the number of a database, but a cluster has only database 0")
			}
			return modeCluster, nil
		case kind == "sentinel":
			return "", invalid("master", "is missing: %s is a sentinel", addr)
		case len(s.addrs) > 1:
			return "", invalid("url", "has several hosts, but %s is neither a node of a cluster nor a sentinel", addr)
		default:
			return modeStandalone, nil
		}
	}
	return "", unavailable(errors.Join(failed...))
}

// check looks at every master and decides how durable writes are.
func (c *client) check(ctx context.Context) error {
	all, err := c.gather(ctx)
	if err != nil {
		return unavailable(permanent(err))
	}
	if c.report, err = decide(all, c.durability); err != nil {
		return err
	}
	if err := errors.Join(c.checkShards(ctx), c.checkImport(ctx)); err != nil {
		return err
	}
	if c.scattered() {
		failing, err := c.failingReplicas(ctx)
		if err != nil {
			c.report.warnings = append(c.report.warnings, "the cluster's replicas could not be checked: "+err.Error())
		}
		for _, addr := range failing {
			c.report.warnings = append(c.report.warnings, addr+": this replica is down")
		}
	}
	c.report.servers = string(c.mode) + ", " + c.report.servers
	// The masters that the check made are without a confirmation.
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.masters)
	return nil
}

var errFailover = errors.New("is a replica now: a failover is under way")

// gather returns the facts of all masters, in the order of their addresses.
func (c *client) gather(ctx context.Context) ([]facts, error) {
	var mu sync.Mutex
	var all []facts
	err := c.each(ctx, func(ctx context.Context, m *master) error {
		f, err := gather(ctx, m, c.scattered())
		if err != nil {
			return err
		}
		if f.role != "" && f.role != "master" && c.mode != modeStandalone {
			return errFailover
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, f)
		return nil
	})
	slices.SortFunc(all, func(a, b facts) int { return strings.Compare(a.addr, b.addr) })
	return all, err
}

// recheck looks at every master again and logs what is not as it was at the start: masters come and settings are changed. known
// are what was logged already; it returns what is to be known the next time.
func (c *client) recheck(ctx context.Context, known map[string]bool) map[string]bool {
	all, err := c.gather(ctx)
	if err != nil {
		return known // calls say so
	}
	now := map[string]bool{}
	log := func(level LogLevel, text string) {
		now[text] = true
		if !known[text] {
			c.log(level, text)
		}
	}
	r, err := decide(all, c.report.durability)
	switch {
	case err != nil:
		log(LogError, "as the servers are now this would not start: "+err.Error())
	case r.confirmation != c.report.confirmation:
		log(LogError, fmt.Sprintf("the servers' settings were changed: durability=%v needs a restart of this node", r.durability))
	}
	for _, text := range r.warnings {
		log(LogWarn, text)
	}
	return now
}

// any is what sends a command to the master of its key.
func (c *client) any() redis.Cmdable {
	if c.cluster != nil {
		return c.cluster
	}
	return c.single
}

// checkShards writes down how many shards there are, or compares.
func (c *client) checkShards(ctx context.Context) error {
	key, any := c.tag(0)+":shards", c.any()
	if err := any.SetNX(ctx, key, shardCount, 0).Err(); err != nil {
		return unavailable(permanent(err))
	}
	text, err := any.Get(ctx, key).Result()
	if err != nil {
		return unavailable(permanent(err))
	}
	if text != strconv.Itoa(shardCount) {
		return refuse("the store has %q shards, and this release knows only %d", text, shardCount)
	}
	return nil
}

// failingReplicas returns the replicas that the cluster sees as down. A master does not know them: they are not connected.
func (c *client) failingReplicas(ctx context.Context) ([]string, error) {
	text, err := c.cluster.ClusterNodes(ctx).Result()
	if err != nil {
		return nil, err
	}
	var failing []string
	for line := range strings.Lines(text) {
		// id address flags master ping pong epoch link slots…
		fields := strings.Fields(line)
		if len(fields) < 8 {
			continue
		}
		flags := strings.Split(fields[2], ",")
		if slices.Contains(flags, "slave") && slices.Contains(flags, "fail") {
			addr, _, _ := strings.Cut(fields[1], "@")
			failing = append(failing, addr)
		}
	}
	return failing, nil
}

// gather asks one master for its facts.
func gather(ctx context.Context, m *master, cluster bool) (facts, error) {
	f, node := facts{addr: m.addr}, m.node
	before := time.Now()
	now, err := node.Time(ctx).Result()
	if err != nil {
		return f, err
	}
	took := time.Since(before)
	f.skew = now.Sub(before.Add(took/2)).Abs() - took/2
	for _, section := range []string{"server", "replication", "persistence", "memory"} {
		text, err := node.Info(ctx, section).Result()
		if err != nil {
			return f, err
		}
		f.readInfo(parseInfo(text))
	}
	if err := node.FunctionList(ctx, redis.FunctionListQuery{LibraryNamePattern: "none"}).Err(); err != nil {
		if _, ok := errors.AsType[redis.Error](err); ok {
			return f, refuse("functions are needed and can not be used: %v", err)
		}
		return f, err
	}
	reply, err := node.Do(ctx, "command", "info", "waitaof").Slice()
	f.waitaof = err == nil && len(reply) == 1 && reply[0] != nil
	for name, into := range map[string]*string{
		"appendfsync": &f.appendfsync, "min-replicas-to-write": &f.minReplicas, "cluster-require-full-coverage": &f.fullCoverage,
	} {
		setting, err := node.ConfigGet(ctx, name).Result()
		if err != nil {
			f.unchecked = err.Error()
			break
		}
		*into = setting[name]
	}
	if !cluster {
		f.fullCoverage = ""
	}
	return f, nil
}

// readInfo takes what matters from a section of INFO.
func (f *facts) readInfo(info map[string]string) {
	set := func(into *string, name string) {
		if v, ok := info[name]; ok {
			*into = v
		}
	}
	set(&f.redis, "redis_version")
	set(&f.valkey, "valkey_version")
	set(&f.role, "role")
	set(&f.policy, "maxmemory_policy")
	if v, ok := info["aof_enabled"]; ok {
		f.aof = v == "1"
	}
	if v, ok := info["maxmemory"]; ok {
		f.maxmemory, _ = strconv.ParseInt(v, 10, 64)
		f.memoryKnown = f.policy != ""
	}
	for i := 0; ; i++ {
		// slave0:ip=10.0.0.2,port=6379,state=online,offset=…,lag=0
		line, ok := info["slave"+strconv.Itoa(i)]
		if !ok {
			break
		}
		part := map[string]string{}
		for field := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(field, "=")
			part[name] = value
		}
		if part["state"] == "online" {
			f.online++
		} else {
			f.lagging = append(f.lagging, part["ip"]+":"+part["port"]+" ("+part["state"]+")")
		}
	}
}

func parseInfo(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			info[name] = value
		}
	}
	return info
}

// maxSkew is how far a server's clock may be off without a word.
const maxSkew = time.Second

// decide judges the facts of all masters. Its error is a refusal.
func decide(all []facts, want Durability) (report, error) {
	var r report
	for _, f := range all {
		if err := f.bearable(); err != nil {
			return r, err
		}
		r.warnings = append(r.warnings, f.warnings()...)
	}
	if len(all) > 0 {
		r.servers = "Redis " + all[0].redis
		if all[0].valkey != "" {
			r.servers = "Valkey " + all[0].valkey
		}
	}
	if slices.ContainsFunc(all, func(f facts) bool { return f.fullCoverage == "yes" }) {
		r.notes = append(r.notes, "cluster-require-full-coverage is yes: while one master has no successor, all queues stop")
	}
	err := r.choose(all, want)
	return r, err
}

// bearable returns a refusal if messages would not be safe on a master, or nothing would work.
func (f facts) bearable() error {
	major, _, _ := strings.Cut(f.redis, ".")
	if n, err := strconv.Atoi(major); err != nil || n < 7 {
		return refuse("%s: version %q is too old: Redis 7.0 or newer, or Valkey, is needed", f.addr, f.redis)
	}
	if f.role != "" && f.role != "master" {
		return refuse("%s: is a replica: name its master, or the sentinels", f.addr)
	}
	if f.maxmemory > 0 && f.policy != "" && f.policy != "noeviction" {
		return refuse("%s: maxmemory-policy is %s, which throws messages away when memory is short: set it to noeviction",
			f.addr, f.policy)
	}
	return nil
}

func (f facts) warnings() []string {
	var w []string
	add := func(format string, args ...any) { w = append(w, f.addr+": "+fmt.Sprintf(format, args...)) }
	switch {
	case !f.memoryKnown:
		add("maxmemory and maxmemory-policy could not be read: they must be set, and be noeviction")
	case f.maxmemory == 0:
		add("maxmemory is not set: a large backlog takes all of the machine's memory")
	}
	if !f.aof && f.online == 0 {
		add("appendonly is off and there is no replica: a restart loses what came after the last snapshot")
	}
	for _, replica := range f.lagging {
		add("replica %s does not follow yet", replica)
	}
	if f.skew > maxSkew {
		add("its clock and this machine's are %v apart", f.skew.Round(time.Millisecond))
	}
	if f.unchecked != "" {
		add("its configuration could not be checked: %s", f.unchecked)
	}
	return w
}

// choose decides how durable writes are.
func (r *report) choose(all []facts, want Durability) error {
	every := func(is func(facts) bool) bool {
		return len(all) > 0 && !slices.ContainsFunc(all, func(f facts) bool { return !is(f) })
	}
	always := every(func(f facts) bool { return f.aof && f.appendfsync == "always" })
	waitaof := every(func(f facts) bool { return f.aof && f.waitaof })
	if want.Kind == DurabilityAuto {
		switch {
		case every(func(f facts) bool { return f.online > 0 }):
			want = Durability{Kind: DurabilityReplicas, Replicas: 1}
		case always || waitaof:
			want = Durability{Kind: DurabilityFsync}
		default:
			want = Durability{Kind: DurabilityAsync}
			r.warnings = append(r.warnings, "durability is async: there is no replica of every master, and no append-only file "+
				"that can be waited for: a crash loses what was acknowledged last")
		}
	}
	r.durability = want
	switch want.Kind {
	case DurabilityReplicas:
		return r.byReplicas(all)
	case DurabilityFsync:
		return r.byFsync(all, always, waitaof)
	default:
		r.how = "async: writes are acknowledged by the master alone"
		return nil
	}
}

func (r *report) byReplicas(all []facts) error {
	n := r.durability.Replicas
	r.confirmation = confirmation{replicas: n}
	r.how = fmt.Sprintf("%v: writes are acknowledged when %d of a master's replicas have them", r.durability, n)
	for _, f := range all {
		if f.online < n {
			return refuse("%s: durability=%v needs %d replicas that follow, and there are %d", f.addr, r.durability, n, f.online)
		}
		if least, err := strconv.Atoi(f.minReplicas); err == nil && least < n {
			r.notes = append(r.notes, fmt.Sprintf("%s: min-replicas-to-write is %d: with %d, a master that is cut off from its "+
				"replicas refuses writes at once instead of failing to confirm them", f.addr, least, n))
		}
	}
	return nil
}

func (r *report) byFsync(all []facts, always, waitaof bool) error {
	switch {
	case always:
		r.how = "fsync: appendfsync is always"
		return nil
	case waitaof:
		r.confirmation = confirmation{aof: true}
		r.how = "fsync: writes are acknowledged when they are in the append-only file on disk (WAITAOF)"
		return nil
	}
	for _, f := range all {
		switch {
		case !f.aof:
			return refuse("%s: durability=fsync needs appendonly yes", f.addr)
		case f.waitaof:
		case f.appendfsync == "":
			return refuse("%s: durability=fsync needs appendfsync always, which could not be checked", f.addr)
		case f.appendfsync != "always":
			return refuse("%s: durability=fsync needs appendfsync always on a server without WAITAOF (before Redis 7.2), "+
				"and it is %s", f.addr, f.appendfsync)
		}
	}
	return refuse("durability=fsync needs the same way to wait for the disk on all masters: appendfsync always or WAITAOF")
}
