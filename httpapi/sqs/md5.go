package sqs

import (
	"crypto/md5" //nolint:gosec // what the protocol has, against transmission errors
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/signalbox-mq/signalbox/queue"
)

func md5Of(b []byte) string {
	sum := md5.Sum(b) //nolint:gosec // see above
	var text [2 * md5.Size]byte
	hex.Encode(text[:], sum[:])
	return string(text[:])
}

// md5OfAttributes is the digest that SDKs check, empty for no attributes: in the order of their names, each attribute's name,
// type and value with their lengths, and between the last two how the value travels, 1 for text and 2 for bytes (Amazon SQS
// Developer Guide, "Calculating the MD5 message digest for message attributes").
func md5OfAttributes(attrs []queue.Attribute) string {
	if len(attrs) == 0 {
		return ""
	}
	sorted := append(make([]queue.Attribute, 0, maxAttributes), attrs...)
	slices.SortFunc(sorted, func(a, b queue.Attribute) int { return strings.Compare(a.Name, b.Name) })
	b := make([]byte, 0, 1024)
	for i := range sorted {
		a := &sorted[i]
		b = appendPart(appendPart(b, a.Name), a.Type)
		if isBinary(a.Type) {
			b = append(b, 2)
		} else {
			b = append(b, 1)
		}
		b = appendPart(b, a.Value)
	}
	return md5Of(b)
}

func appendPart[T string | []byte](b []byte, part T) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(part))), part...)
}

// isBinary says whether values of a type are bytes. The type may have a suffix.
func isBinary(dataType string) bool { return baseType(dataType) == "Binary" }

func baseType(dataType string) string {
	base, _, _ := strings.Cut(dataType, ".")
	return base
}
