package redistest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// view is the cluster as one node sees it.
type view struct {
	of    *Server
	text  string // the answer to CLUSTER NODES
	nodes map[string]viewed
}

type views []view

// viewed is a node as another sees it, or itself.
type viewed struct {
	flags  []string
	master string // the ID of the master of a replica, empty for a master
	epoch  int    // the version of its claim on its slots
	slots  string // "0-99 101"
}

// claim is the claim of a node on a slot.
type claim struct {
	node  string
	epoch int
}

// viewOf asks a node for its view: lines of ID, address, flags, ID of the master or "-", time of the last ping and of the
// last pong, epoch, state of the link, slots.
func viewOf(s *Server) (view, error) {
	answer, err := s.ask("CLUSTER", "NODES")
	if err != nil {
		return view{}, err
	}
	text, _ := answer.(string)
	v := view{of: s, text: text, nodes: map[string]viewed{}}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 8 {
			return view{}, fmt.Errorf("%s: CLUSTER NODES has the line %q", s.Addr(), line)
		}
		epoch, err := strconv.Atoi(f[6])
		if err != nil {
			return view{}, fmt.Errorf("%s: CLUSTER NODES: the epoch in %q: %w", s.Addr(), line, err)
		}
		slots := slices.DeleteFunc(f[8:], func(s string) bool { return s[0] == '[' }) // on the move, which only its ends say
		v.nodes[f[0]] = viewed{
			flags:  strings.Split(f[2], ","),
			master: strings.TrimPrefix(f[3], "-"),
			epoch:  epoch,
			slots:  strings.Join(slots, " "),
		}
	}
	return v, nil
}

func (n viewed) has(flag string) bool { return slices.Contains(n.flags, flag) }

// claim enters the claims that the view knows where they are later than what is there.
func (v view) claim(claims []claim) {
	for id, n := range v.nodes {
		for slots := range strings.FieldsSeq(n.slots) {
			from, to, isRange := strings.Cut(slots, "-")
			if !isRange {
				to = from
			}
			first, err1 := strconv.Atoi(from)
			last, err2 := strconv.Atoi(to)
			if err1 != nil || err2 != nil {
				continue
			}
			for slot := first; slot <= last; slot++ {
				if claims[slot].node == "" || n.epoch > claims[slot].epoch {
					claims[slot] = claim{id, n.epoch}
				}
			}
		}
	}
}

// allSay says whether each view gives a node the flag.
func (vs views) allSay(id, flag string) bool {
	return !slices.ContainsFunc(vs, func(v view) bool { return !v.nodes[id].has(flag) })
}
