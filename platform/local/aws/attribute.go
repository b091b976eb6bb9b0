package aws

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// maxAttributes is how many message attributes SQS takes.
const maxAttributes = 10

// attribute is a message attribute: DataType is String, Number or Binary, with an optional custom label after a dot.
type attribute struct {
	DataType string `json:"DataType"`
	String   string `json:"StringValue,omitempty"`
	Binary   []byte `json:"BinaryValue,omitempty"`
}

func (a attribute) isBinary() bool { return strings.HasPrefix(a.DataType, "Binary") }

var attributeName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,256}$`)

// checkAttributes says what SQS would refuse.
func checkAttributes(attributes map[string]attribute) error {
	if len(attributes) > maxAttributes {
		return failf("InvalidParameterValue", "Number of message attributes [%d] exceeds the allowed maximum [%d].", len(attributes), maxAttributes)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		lower := strings.ToLower(name)
		if !attributeName.MatchString(name) || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.Contains(name, "..") ||
			strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon.") {
			return failf("InvalidParameterValue", "The message attribute name %q is invalid.", name)
		}
		switch kind, _, _ := strings.Cut(a.DataType, "."); {
		case kind != "String" && kind != "Number" && kind != "Binary":
			return failf("InvalidParameterValue", "The type of message attribute '%s' is invalid. You must use only the following supported type prefixes: Binary, Number, String.", name)
		case kind == "Binary" && len(a.Binary) == 0, kind != "Binary" && a.String == "":
			return failf("InvalidParameterValue", "The message attribute '%s' must contain non-empty message attribute value.", name)
		case kind == "Number":
			if _, ok := parseNumber(a.String); !ok {
				return failf("InvalidParameterValue", "Can't cast the value of message (user) attribute '%s' to a number.", name)
			}
		}
		if err := checkText(a.String); err != nil {
			return err
		}
	}
	return nil
}

// checkText refuses characters that XML 1.0 cannot hold, as SQS does.
func checkText(s string) error {
	for _, r := range s {
		if r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 {
			continue
		}
		return failf("InvalidMessageContents", "Invalid binary character U+%04X was found in the message; the set of allowed characters is #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF", r)
	}
	return nil
}

// sizeOf is what counts against a size limit: the body and each attribute's name, type and value, in bytes.
func sizeOf(body string, attributes map[string]attribute) int {
	n := len(body)
	for name, a := range attributes {
		n += len(name) + len(a.DataType) + len(a.String) + len(a.Binary)
	}
	return n
}

// md5Text is the lower-case hex MD5 of a body.
func md5Text(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// md5Attributes is the digest that SQS gives of message attributes: names in order; name, type and value each led by
// its length in four bytes, the value also by a byte for its kind (1 text, 2 binary). Empty for no attributes.
func md5Attributes(attributes map[string]attribute) string {
	if len(attributes) == 0 {
		return ""
	}
	var b []byte
	put := func(v string) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
		b = append(b, v...)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		put(name)
		put(a.DataType)
		if a.isBinary() {
			b = append(b, 2)
			put(string(a.Binary))
		} else {
			b = append(b, 1)
			put(a.String)
		}
	}
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

// selected keeps the attributes a receiver asked for: names, "All", ".*" or "prefix.*".
func selected(attributes map[string]attribute, wanted []string) map[string]attribute {
	if len(attributes) == 0 || len(wanted) == 0 {
		return nil
	}
	out := map[string]attribute{}
	for name, a := range attributes {
		for _, w := range wanted {
			prefix, isPrefix := strings.CutSuffix(w, ".*")
			if w == "All" || w == name || isPrefix && strings.HasPrefix(name, prefix) {
				out[name] = a
				break
			}
		}
	}
	return out
}
