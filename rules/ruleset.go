package rules

import (
	"hash/maphash"
	"iter"
	"maps"
)

// ruleSet is the compiled rules of a bus, by catalog ID and by name. It never changes: a ruleSetEdit makes a new one that shares
// with it what stays, so that one rule of a hundred thousand is changed at the cost of a few hundred.
type ruleSet struct {
	byID   [ruleShards]map[uint64]*compiledRule
	byName [ruleShards]map[string]*compiledRule
	size   int
}

const ruleShards = 256

var ruleSeed = maphash.MakeSeed()

func shardOfName(name string) uint64 { return maphash.String(ruleSeed, name) % ruleShards }

// get returns the rule with that ID, nil if there is none.
func (s *ruleSet) get(id uint64) *compiledRule { return s.byID[id%ruleShards][id] }

// named returns the rule of that name, nil if there is none.
func (s *ruleSet) named(name string) *compiledRule { return s.byName[shardOfName(name)][name] }

// all yields the rules in no order.
func (s *ruleSet) all() iter.Seq[*compiledRule] {
	return func(yield func(*compiledRule) bool) {
		for _, shard := range s.byID {
			for _, rule := range shard {
				if !yield(rule) {
					return
				}
			}
		}
	}
}

// ruleSetEdit is a ruleSet in the making.
type ruleSetEdit struct {
	ruleSet
	// own says which of the maps are not shared.
	ownIDs, ownNames [ruleShards]bool
}

// edit begins a new set.
func (s *ruleSet) edit() *ruleSetEdit { return &ruleSetEdit{ruleSet: *s} }

// done returns the new set. The edit must not be used any more.
func (e *ruleSetEdit) done() *ruleSet { return &e.ruleSet }

// remove takes a rule out, if it is in.
func (e *ruleSetEdit) remove(rule *compiledRule) {
	if rule == nil || e.get(rule.id) == nil {
		return
	}
	byID, byName := e.shards(rule)
	delete(byID, rule.id)
	delete(byName, rule.name)
	e.size--
}

// put adds a rule, in place of one with its ID.
func (e *ruleSetEdit) put(rule *compiledRule) {
	e.remove(e.get(rule.id))
	byID, byName := e.shards(rule)
	byID[rule.id], byName[rule.name] = rule, rule
	e.size++
}

// shards returns the maps that are to hold a rule, which nobody else has.
func (e *ruleSetEdit) shards(rule *compiledRule) (map[uint64]*compiledRule, map[string]*compiledRule) {
	i, j := rule.id%ruleShards, shardOfName(rule.name)
	if !e.ownIDs[i] {
		e.ownIDs[i] = true
		e.byID[i] = owned(e.byID[i])
	}
	if !e.ownNames[j] {
		e.ownNames[j] = true
		e.byName[j] = owned(e.byName[j])
	}
	return e.byID[i], e.byName[j]
}

func owned[K comparable](shared map[K]*compiledRule) map[K]*compiledRule {
	if shared == nil {
		return map[K]*compiledRule{}
	}
	return maps.Clone(shared)
}
