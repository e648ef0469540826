package awsapi

import "errors"

// ErrorTable is what clients are told of the conditions of the domain packages, first match first. Errors with data come before
// it, in a service's ErrorOf.
type ErrorTable []ErrorRow

// ErrorRow is what is told of one condition, which errors.Is finds.
type ErrorRow struct {
	err  error
	told func(err error) *Error
}

// On returns a row.
func On(err error, told func(err error) *Error) ErrorRow { return ErrorRow{err, told} }

// Of returns what a client is told of an error; nil for one that the table does not have.
func (t ErrorTable) Of(err error) *Error {
	for i := range t {
		if errors.Is(err, t[i].err) {
			return t[i].told(err)
		}
	}
	return nil
}
