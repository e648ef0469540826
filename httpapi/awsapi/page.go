package awsapi

import "encoding/base64"

// Pages is how a service writes the tokens of its pages: the last name of the page before, encoded.
type Pages struct {
	Encoding *base64.Encoding
	// Invalid is what a client is told of a token that is none.
	Invalid func() *Error
}

// After returns what a page comes after; empty for the first one, which has no token.
func (p Pages) After(token string) (string, error) {
	if token == "" {
		return "", nil
	}
	b, err := p.Encoding.DecodeString(token)
	if err != nil || len(b) == 0 {
		return "", p.Invalid()
	}
	return string(b), nil
}

// Token returns the token of the page after a name; empty for no name, after the last page.
func (p Pages) Token(after string) string { return p.Encoding.EncodeToString([]byte(after)) }
