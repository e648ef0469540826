package awsapi

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/template"
)

// What the references of the services in docs/ say of their tables.

// ReferenceRow is a row of a table of a reference, in Markdown.
type ReferenceRow struct{ Name, Takes, About string }

// WriteReference writes a reference: a template that gets what the tables say.
func WriteReference(w io.Writer, text string, data any) error {
	t, err := template.New("reference").Parse(text)
	if err != nil {
		return err
	}
	return t.Execute(w, data)
}

// OperationRows are the operations with what they take and in which way they differ from AWS. The members refused are those that
// no shape requires, and the operations do.
func OperationRows(operations []Operation, refused ...string) []ReferenceRow {
	rows := make([]ReferenceRow, len(operations))
	for i := range operations {
		op := &operations[i]
		rows[i] = ReferenceRow{op.Name, parameters(op.Input(), refused), op.Note}
	}
	return rows
}

// parameters are the names of an input's members, those in bold that are required, with the members of a list's shapes.
func parameters(members []Member, refused []string) string {
	names := make([]string, len(members))
	for i, m := range members {
		name := "`" + m.Name + "`"
		if m.Required || slices.Contains(refused, m.Name) {
			name = "**" + name + "**"
		}
		if m.Kind == KindList && m.Name != "Tags" {
			name += " (" + parameters(m.Members, refused) + ")"
		}
		names[i] = name
	}
	return strings.Join(names, ", ")
}

// RefusedRows are the operations of a service's Refused, one row for each reason.
func RefusedRows(refused map[string]string) []ReferenceRow {
	why := map[string][]string{}
	for name, reason := range refused {
		why[reason] = append(why[reason], name)
	}
	rows := make([]ReferenceRow, 0, len(why))
	for _, reason := range slices.Sorted(maps.Keys(why)) {
		slices.Sort(why[reason])
		rows = append(rows, ReferenceRow{Name: Code(why[reason]), About: reason})
	}
	return rows
}

// LimitRow is the row of a limit.
func LimitRow(what, format string, args ...any) ReferenceRow {
	return ReferenceRow{Name: what, About: fmt.Sprintf(format, args...)}
}

// BodyRow is the limit of all services.
func BodyRow() ReferenceRow { return LimitRow("the body of a request", "%d MiB", MaxBody>>20) }

// Code writes names as code.
func Code(names []string) string { return "`" + strings.Join(names, "`, `") + "`" }
