package rules

import "strings"

// Catalog tables of this package's definitions.
const (
	// BusTable holds a [Bus] under its name.
	BusTable = "buses"
	// RuleTable holds a [Rule] under "bus/rule"; see RuleName.
	RuleTable = "rules"
	// ArchiveTable holds an [Archive] under its name.
	ArchiveTable = "archives"
	// ReplayTable holds a [Replay] under its name.
	ReplayTable = "replays"
)

// InvalidError says what is wrong with a field of a definition or a request. Nothing was changed.
type InvalidError struct {
	// Field is a path as the YAML file has it: "targets[0].group".
	Field string
	// Reason is a sentence without subject and full stop.
	Reason string
	// Line and Column, from 1, point into a text value (a pattern, an expression); zero when it does not apply.
	Line, Column int
}

func (e *InvalidError) Error() string { return e.Field + " " + e.Reason }

func validName(name string, limit int, extra string) bool {
	return name != "" && len(name) <= limit && strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') &&
			!strings.ContainsRune("._-"+extra, r)
	}) < 0
}
