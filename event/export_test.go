package event

// What the tests in package event_test look at from inside.
var (
	EncodeHeader = encodeHeader
	DecodeHeader = decodeHeader
)

func Unquote(quoted []byte) ([]byte, bool) { return unquote(quoted) }

func AppendString(dst []byte, s string) []byte { return appendString(dst, s) }
