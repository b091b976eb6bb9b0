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

// maxAttributes is the number of message attributes that SQS accepts.
const maxAttributes = 10

// attribute is a message attribute. The local cloud supports the type String only.
type attribute struct {
	DataType string `json:"DataType"`
	String   string `json:"StringValue,omitempty"`
}

var attributeName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,256}$`)

// checkAttributes refuses what SQS would refuse, and types other than String.
func checkAttributes(attributes map[string]attribute) error {
	if len(attributes) > maxAttributes {
		return failf("InvalidParameterValue", "Number of message attributes [%d] exceeds the allowed maximum [%d].", len(attributes),
			maxAttributes)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		lower := strings.ToLower(name)
		switch {
		case !attributeName.MatchString(name), strings.HasPrefix(name, "."), strings.HasSuffix(name, "."), strings.Contains(name, ".."),
			strings.HasPrefix(lower, "aws."), strings.HasPrefix(lower, "amazon."):
			return failf("InvalidParameterValue", "The message attribute name %q is invalid.", name)
		case a.DataType != "String":
			return failf("InvalidParameterValue", "The local cloud supports message attributes of type String only: '%s' has type %q.",
				name, a.DataType)
		case a.String == "":
			return failf("InvalidParameterValue", "The message attribute '%s' must contain non-empty message attribute value.", name)
		}
		if err := checkText(a.String); err != nil {
			return err
		}
	}
	return nil
}

// checkText refuses characters that XML 1.0 cannot represent, as SQS does.
func checkText(s string) error {
	for _, r := range s {
		if r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 {
			continue
		}
		return failf("InvalidMessageContents", "Invalid binary character U+%04X was found in the message; "+
			"the set of allowed characters is "+
			"#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF", r)
	}
	return nil
}

// sizeOf returns what counts against a size limit: the bytes of the body and of each attribute's name, type and value.
func sizeOf(body string, attributes map[string]attribute) int {
	n := len(body)
	for name, a := range attributes {
		n += len(name) + len(a.DataType) + len(a.String)
	}
	return n
}

// md5Text returns the MD5 of a body in lower-case hex.
func md5Text(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// md5Attributes returns SQS's digest of message attributes, or "" for none. The digest covers the attributes sorted by
// name. Name, type and value each follow their length in four bytes; a 1 (text) stands before the value's length.
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
		put(name)
		put(attributes[name].DataType)
		b = append(b, 1)
		put(attributes[name].String)
	}
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

// selected returns the attributes a receiver requested by name, or all of them for "All".
func selected(attributes map[string]attribute, requested []string) map[string]attribute {
	if slices.Contains(requested, "All") {
		return attributes
	}
	out := map[string]attribute{}
	for _, name := range requested {
		if a, ok := attributes[name]; ok {
			out[name] = a
		}
	}
	return out
}
