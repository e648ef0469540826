package story

import (
	"slices"
	"strings"

	"github.com/signalbox-mq/signalbox/rules"
)

// tellRules joins what was decided then with what the rules say now.
func tellRules(match *rules.Match, verdicts []rules.Verdict) []Rule {
	if match.Schedule != "" {
		verdicts = ofSchedule(match, verdicts)
	}
	matched := make(map[string]*rules.MatchedRule, len(match.Rules))
	for i := range match.Rules {
		matched[match.Rules[i].Rule] = &match.Rules[i]
	}
	failed := make(map[string]string, len(match.Failed))
	for _, f := range match.Failed {
		failed[f.Rule] = f.Reason
	}
	told := make([]Rule, 0, len(verdicts))
	for i := range verdicts {
		v := &verdicts[i]
		switch reason, didFail := failed[v.Rule]; {
		case matched[v.Rule] != nil:
			told = append(told, tellMatched(matched[v.Rule], v, match.Revision))
		case didFail:
			told = append(told, tellFailed(v.Rule, reason, since(v, match.Revision, true)))
		default:
			told = append(told, tellUnmatched(v, match.Revision))
		}
		delete(matched, v.Rule)
		delete(failed, v.Rule)
	}
	for _, then := range matched {
		told = append(told, Rule{Rule: then.Rule, Matched: true, Paused: then.Paused, Since: Deleted, Note: "the rule was deleted since"})
	}
	for name, reason := range failed {
		told = append(told, tellFailed(name, reason, Deleted))
	}
	slices.SortFunc(told, func(a, b Rule) int { return strings.Compare(a.Rule, b.Rule) })
	return told
}

// ofSchedule returns the verdicts on an event that was not matched, since it is that of a rule's schedule.
func ofSchedule(match *rules.Match, verdicts []rules.Verdict) []rules.Verdict {
	verdicts = slices.Clone(verdicts)
	for i := range verdicts {
		v := &verdicts[i]
		v.Matched = slices.ContainsFunc(match.Rules, func(m rules.MatchedRule) bool { return m.Rule == v.Rule })
		v.Field, v.Reason = "", ""
		if !v.Matched {
			v.Field, v.Reason = "schedule", "the event is that of the schedule of a rule, and goes to that rule only"
		}
	}
	return verdicts
}

// since says what happened to a rule since a revision at which one of its name is known to have been there, or not.
func since(v *rules.Verdict, revision uint64, known bool) Change {
	switch {
	case v.Created > revision && known:
		return Replaced
	case v.Created > revision:
		return Created
	case v.Revision > revision:
		return Changed
	}
	return ""
}

func tellMatched(then *rules.MatchedRule, v *rules.Verdict, revision uint64) Rule {
	r := Rule{Rule: v.Rule, Matched: true, Paused: then.Paused, Since: since(v, revision, true)}
	var notes []string
	switch r.Since {
	case Changed:
		notes = append(notes, "the rule was changed since")
	case Replaced:
		notes = append(notes, "the rule was deleted since, and another of its name made")
	}
	if r.Since != "" && !v.Matched {
		notes = append(notes, "it would not match now")
	}
	switch {
	case then.Paused && v.Paused:
		notes = append(notes, "the rule is paused: its deliveries are made when it goes on")
	case then.Paused:
		notes = append(notes, "the rule was paused and has gone on since")
	}
	r.Note = strings.Join(notes, "; ")
	return r
}

func tellFailed(name, reason string, change Change) Rule {
	r := Rule{Rule: name, Field: "if", Reason: "could not be evaluated: " + reason, Since: change}
	if change == Deleted {
		r.Note = "the rule was deleted since"
	} else if change != "" {
		r.Note = "the rule was changed since"
	}
	return r
}

func tellUnmatched(v *rules.Verdict, revision uint64) Rule {
	r := Rule{Rule: v.Rule, Field: v.Field, Reason: v.Reason, Since: since(v, revision, false)}
	switch r.Since {
	case Created:
		r.Note = "the rule was made after the event was published"
	case Changed:
		r.Note = "the rule was changed after the event was published"
	}
	if !v.Matched {
		return r
	}
	if r.Since == "" {
		// Only a newer release that matches otherwise can come to this.
		r.Note = "it did not match then and would now, though it was not changed"
		return r
	}
	r.Note += "; it would match now"
	return r
}
