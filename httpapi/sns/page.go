package sns

import "encoding/base64"

// pageSize is how many topics or subscriptions are listed at once.
const pageSize = 100

// readToken is what a page comes after, as the page before has told it.
func readToken(token string) (after string, err error) {
	if token == "" {
		return "", nil
	}
	b, err := base64.StdEncoding.DecodeString(token)
	if err != nil || len(b) == 0 {
		return "", invalidParameter("NextToken Reason: Invalid token")
	}
	return string(b), nil
}

func tokenOf(after string) string {
	if after == "" {
		return ""
	}
	return base64.StdEncoding.EncodeToString([]byte(after))
}
