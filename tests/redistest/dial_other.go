//go:build !linux

package redistest

import (
	"context"
	"errors"
	"net"
)

// DialContext is for Linux, as network namespaces are.
func (n *Namespace) DialContext(context.Context, string, string) (net.Conn, error) {
	return nil, errors.ErrUnsupported
}
