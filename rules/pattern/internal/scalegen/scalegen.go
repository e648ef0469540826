// Package scalegen makes rules and events for benchmarks of event-pattern matchers: EventBridge envelopes of about 1.1 kB
// with some 20 fields under detail. The same parameters always give the same bytes, so that figures of different matchers
// and versions can be compared.
//
// About 10% of the events match nothing; the rest match 1 to 6 rules, 3 on average, from 100 rules on.
package scalegen

import (
	"encoding/json"
	"fmt"
	"math/rand"
)

// Set names a kind of rules.
type Set string

const (
	// Std has source and detail-type exact, plus one detail test: 50% exact, 25% prefix, 15% exact number, 10%
	// anything-but (paired with an exact tenant so that it stays selective).
	Std Set = "std"
	// Full is as Std, but with numeric ranges instead of exact numbers, and a tail of suffix, cidr, exists,
	// equals-ignore-case, $or, anything-but prefix and rules over arrays of objects.
	Full Set = "full"
	// Wild has source and detail-type exact, plus one wildcard on detail.object.key.
	Wild Set = "wild"
)

// Params say what to make.
type Params struct {
	Set           Set
	Rules, Events int
	Seed          int64
	// Unique makes values unique to each source and detail-type pair; otherwise pairs share values.
	Unique bool
}

// Corpus is what Generate makes.
type Corpus struct {
	Patterns [][]byte // rule i's event pattern
	Events   [][]byte
}

// Sum is the check value of matches: 31 × rule number + 7, added over all events and matches.
func Sum(rules []uint64) int64 {
	var sum int64
	for _, r := range rules {
		sum += 31*int64(r) + 7
	}
	return sum
}

type combo struct {
	src, dt string
	rules   []int
}

// want is what a rule wants of an event.
type want struct {
	kind   string
	tenant int
	folder int
	amount int
	status string
	qty    int
}

func q(s string) string { b, _ := json.Marshal(s); return string(b) }

// Generate makes a corpus.
func Generate(p Params) *Corpus {
	var (
		regs  = []string{"us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-northeast-1"}
		stats = []string{"created", "pending", "running", "stopped", "failed", "deleted", "archived", "active"}
		verbs = []string{"Created", "Updated", "Deleted", "State-change Notification", "Payment Settled"}
		nouns = []string{"orders", "billing", "inventory", "shipping", "identity", "media", "search", "ledger", "alerts", "audit"}
	)
	off := func(ci int) int {
		if p.Unique {
			return ci * 100
		}
		return 0
	}
	out := &Corpus{}
	r := rand.New(rand.NewSource(p.Seed))
	ncombo := p.Rules / 20
	if ncombo < 1 {
		ncombo = 1
	}
	if ncombo > 1000 {
		ncombo = 1000
	}
	combos := make([]combo, ncombo)
	for i := range combos {
		combos[i].src = fmt.Sprintf("com.acme.%s.svc%03d", nouns[i%len(nouns)], i/5)
		combos[i].dt = fmt.Sprintf("%s %s", nouns[(i/7)%len(nouns)], verbs[i%len(verbs)])
	}
	// pools: ~3 rules of one combo share a value
	per := p.Rules / ncombo
	pool := per / 3
	if pool < 1 {
		pool = 1
	}
	wants := make([]want, p.Rules)
	for i := 0; i < p.Rules; i++ {
		ci := i % ncombo
		c := &combos[ci]
		c.rules = append(c.rules, i)
		w := want{tenant: off(ci) + r.Intn(pool), folder: off(ci) + r.Intn(pool), amount: off(ci) + r.Intn(pool), status: stats[r.Intn(len(stats))], qty: r.Intn(50)}
		var det string
		p100 := (i/ncombo*37 + i) % 100
		switch p.Set {
		case Wild:
			w.kind = "wild"
			switch r.Intn(4) {
			case 0:
				det = fmt.Sprintf(`"object":{"key":[{"wildcard":"uploads/f%05d/*"}]}`, w.folder)
			case 1:
				det = fmt.Sprintf(`"object":{"key":[{"wildcard":"*/f%05d/*.jpg"}]}`, w.folder)
			case 2:
				det = fmt.Sprintf(`"object":{"key":[{"wildcard":"up*/f%05d/*-final.*"}]}`, w.folder)
			case 3:
				det = fmt.Sprintf(`"object":{"key":[{"wildcard":"*f%05d*"}]}`, w.folder)
			}
		default:
			full := p.Set == Full
			switch {
			case p100 < 50:
				w.kind = "exact"
				det = fmt.Sprintf(`"user":{"tenantId":["tenant-%05d"]}`, w.tenant)
			case p100 < 70:
				w.kind = "prefix"
				det = fmt.Sprintf(`"object":{"key":[{"prefix":"uploads/f%05d/"}]}`, w.folder)
			case p100 < 75 && !full:
				w.kind = "prefix"
				det = fmt.Sprintf(`"object":{"key":[{"prefix":"uploads/f%05d/"}]}`, w.folder)
			case p100 < 90 && !full:
				w.kind = "num"
				det = fmt.Sprintf(`"order":{"amount":[%d]}`, w.amount*10+5)
			case !full:
				w.kind = "abut"
				det = fmt.Sprintf(`"user":{"tenantId":["tenant-%05d"]},"status":[{"anything-but":["deleted","failed"]}]`, w.tenant)
			case p100 < 84:
				w.kind = "num"
				det = fmt.Sprintf(`"order":{"amount":[{"numeric":[">=",%d,"<",%d]}]}`, w.amount*10, w.amount*10+10)
			case p100 < 90:
				w.kind = "abut"
				det = fmt.Sprintf(`"user":{"tenantId":["tenant-%05d"]},"status":[{"anything-but":["deleted","failed"]}]`, w.tenant)
			case p100 < 92:
				w.kind = "prefix"
				det = fmt.Sprintf(`"object":{"key":[{"suffix":"/f%05d.final"}]}`, w.folder)
			case p100 < 93:
				w.kind = "exact"
				det = fmt.Sprintf(`"user":{"tenantId":[{"equals-ignore-case":"TENANT-%05d"}]}`, w.tenant)
			case p100 < 94:
				w.kind = "exact"
				det = fmt.Sprintf(`"user":{"tenantId":["tenant-%05d"]},"error":{"code":[{"exists":false}]}`, w.tenant)
			case p100 < 95:
				w.kind = "exact"
				det = fmt.Sprintf(`"user":{"tenantId":["tenant-%05d"]},"requestId":[{"exists":true}]`, w.tenant)
			case p100 < 96:
				w.kind = "exact"
				det = fmt.Sprintf(`"user":{"tenantId":["tenant-%05d"],"ip":[{"cidr":"10.0.0.0/9"}]}`, w.tenant)
			case p100 < 97:
				w.kind = "exact"
				det = fmt.Sprintf(`"user":{"tenantId":["tenant-%05d"]},"object":{"key":[{"anything-but":{"prefix":"tmp/"}}]}`, w.tenant)
			case p100 < 98:
				w.kind = "sku"
				det = fmt.Sprintf(`"items":{"sku":["sku-%05d"],"qty":[{"numeric":[">",2]}]}`, w.tenant)
			default:
				w.kind = "exact"
				det = fmt.Sprintf(`"$or":[{"user":{"tenantId":["tenant-%05d"]}},{"order":{"amount":[%d]}}]`, w.tenant, w.amount*10+5)
			}
		}
		wants[i] = w
		out.Patterns = append(out.Patterns, fmt.Appendf(nil, `{"source":[%s],"detail-type":[%s],"detail":{%s}}`, q(c.src), q(c.dt), det))
	}

	for i := 0; i < p.Events; i++ {
		ci := r.Intn(ncombo)
		c := combos[ci]
		miss := r.Intn(10) == 0
		w := want{tenant: off(ci) + r.Intn(pool), folder: off(ci) + r.Intn(pool), amount: off(ci) + r.Intn(pool), status: stats[r.Intn(len(stats))], qty: r.Intn(50)}
		if len(c.rules) > 0 { // aim at one rule, the other fields stay random
			t := wants[c.rules[r.Intn(len(c.rules))]]
			switch t.kind {
			case "exact", "abut", "sku":
				w.tenant = t.tenant
				if t.kind == "abut" {
					w.status = "active"
				}
			case "prefix", "wild":
				w.folder = t.folder
			case "num":
				w.amount = t.amount
			}
		}
		if miss {
			w.tenant += 500000
			w.folder += 500000
			w.amount += 5000000
		}
		tail := ".jpg"
		switch r.Intn(3) {
		case 0:
			tail = "-final.png"
		case 1:
			tail = fmt.Sprintf("/f%05d.final", w.folder)
		}
		errf := `null`
		if r.Intn(4) == 0 {
			errf = `{"code":"E` + fmt.Sprint(r.Intn(90)+10) + `","retryable":true}`
		}
		n := 1 + r.Intn(4)
		items := ""
		for k := 0; k < n; k++ {
			if k > 0 {
				items += ","
			}
			sku := w.tenant
			if k > 0 {
				sku = off(ci) + r.Intn(pool+1)
			}
			items += fmt.Sprintf(`{"sku":"sku-%05d","qty":%d,"price":%d.%02d,"tags":["t%d","t%d"]}`, sku, r.Intn(9)+1, r.Intn(500), r.Intn(100), r.Intn(20), r.Intn(20))
		}
		out.Events = append(out.Events, fmt.Appendf(nil, `{"version":"0","id":"%08x-%04x-4%03x-8%03x-%012x","detail-type":%s,"source":%s,"account":"%012d","time":"2026-%02d-%02dT%02d:%02d:%02dZ","region":"%s","resources":["arn:aws:s3:::bucket-%d","arn:aws:ec2:us-east-1:123456789012:instance/i-%017x"],"detail":{"requestId":"%016x","status":"%s","user":{"id":"u-%06d","tenantId":"tenant-%05d","ip":"10.%d.%d.%d","agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36","roles":["reader","role-%d"]},"order":{"id":"ord-%08d","amount":%d,"currency":"EUR","discount":0.%02d,"placed":"2026-01-%02dT00:00:00Z"},"object":{"bucket":"bucket-%d","key":"uploads/f%05d/2026/%06d%s","size":%d,"etag":"%016x"},"items":[%s],"error":%s,"flags":{"test":false,"replayed":%v},"note":"quoted \"text\" and caf\u00e9 é %d"}}`,
			r.Uint32(), r.Intn(65536), r.Intn(4096), r.Intn(4096), r.Int63n(1<<48), q(c.dt), q(c.src), 100000000000+r.Intn(500), r.Intn(12)+1, r.Intn(28)+1, r.Intn(24), r.Intn(60), r.Intn(60), regs[r.Intn(len(regs))], r.Intn(100), r.Int63n(1<<60),
			r.Int63(), w.status, r.Intn(1000000), w.tenant, r.Intn(256), r.Intn(256), r.Intn(256), r.Intn(10), r.Intn(100000000), w.amount*10+5, r.Intn(100), r.Intn(28)+1, r.Intn(100), w.folder, r.Intn(1000000), tail, r.Intn(10000000), r.Int63(), items, errf, r.Intn(2) == 0, i))
	}
	return out
}
