package contract

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/portals"
)

// LineageColumns are the columns that every staged table has after its own, in this order.
var LineageColumns = []string{
	"source_system", "source_dataset_id", "source_updated_at", "data_origin",
	"ingested_process_at", "correlation_id", "source_page", "source_row", "refused_cells", "is_repaired",
}

// CheckDigits are the known check-digit rules.
var CheckDigits = []string{"idescat_municipality"}

var decimalType = regexp.MustCompile(`(?i)^(?:decimal|numeric)\(\s*([0-9]+)\s*,\s*([0-9]+)\s*\)$`)

// readFields decodes the properties and the fields that are not staged, and returns the node of each by its name.
func (d *document) readFields(c *Contract, object, unstaged node) map[string]node {
	places := map[string]node{}
	properties := object.get("properties")
	if len(properties.items()) == 0 {
		d.reportAt(orParent(properties, object), join(object.path, "properties"), "list the dataset's columns", "there are no properties")
	}
	var keys, partitions []position
	for _, p := range properties.items() {
		f, ok := d.readField(p)
		if !ok {
			continue
		}
		if _, twice := places[f.Name]; twice {
			d.report(p.get("name"), "give each column its own name", "two columns are called %q", f.Name)
			continue
		}
		places[f.Name] = p
		c.Fields = append(c.Fields, f)
		keys = d.readPosition(keys, f.Name, p, "primaryKey", "primaryKeyPosition")
		partitions = d.readPosition(partitions, f.Name, p, "partitioned", "partitionKeyPosition")
	}
	d.readUnstaged(c, unstaged, places)
	for _, f := range c.Fields {
		d.checkRole(c, f, d.sourceOf(places[f.Name]))
	}
	c.Key = d.inOrder(keys)
	c.Partition = d.inOrder(partitions)
	for i, name := range c.Key {
		c.Field(name).KeyPosition = i + 1
	}
	for i := range c.Fields {
		d.checkInvalid(c, &c.Fields[i], places[c.Fields[i].Name])
	}
	return places
}

// checkInvalid completes Field.Invalid. A row without its key, its partition or a required value cannot be staged, so these
// columns refuse the row.
func (d *document) checkInvalid(c *Contract, f *Field, at node) {
	partition := slices.Contains(c.Partition, f.Name)
	needed := f.Required || f.KeyPosition > 0 || partition && f.Default == nil
	switch {
	case f.Invalid == "" && (needed || partition):
		f.Invalid = RefuseRow
	case f.Invalid == "":
		f.Invalid = RefuseCell
	case f.Invalid == RefuseCell && needed:
		d.report(at.get("name"), "write row, or remove llacInvalid",
			"column %s cannot have llacInvalid cell: it is required, part of the key, or a partition without a default", f.Name)
	}
}

// checkRole reports a misspelt role, and a role of a portal without roles: no page would ever contain it.
func (d *document) checkRole(c *Contract, f Field, at node) {
	if !strings.HasPrefix(f.Source, source.RolePrefix) {
		return
	}
	kind, err := portals.All.Find(c.Source.Kind)
	if err != nil {
		return // reported with llacPortal
	}
	role := strings.TrimSuffix(f.Source, ".label")
	switch {
	case len(kind.Roles) == 0:
		d.report(at, "write the name of the source's field", "%q is a role, and portal kind %s has no roles", f.Source, kind.Name)
	case !slices.Contains(kind.Roles, role):
		d.report(at, didYouMean(role, kind.Roles), "unknown role %q; use one of %s, or its .label", role, strings.Join(kind.Roles, ", "))
	}
}

// readField decodes one property.
func (d *document) readField(p node) (Field, bool) {
	name := p.get("name")
	f := Field{Name: name.text()}
	if !name.isText() {
		return f, false
	}
	switch {
	case !identifier.MatchString(f.Name):
		d.report(name, identifierHint, "%q is not a column name", f.Name)
	case slices.Contains(LineageColumns, f.Name):
		d.report(name, "choose another name", "%q is a column that Llac adds to every table", f.Name)
	}
	custom := d.customProperties(p, atProperty)
	f.MethodOf, f.ConfidenceOf = d.stringOf(custom["llacMatchMethod"]), d.stringOf(custom["llacMatchConfidence"])
	f.FoldedOf, f.NaturalOf = d.stringOf(custom["llacFolded"]), d.stringOf(custom["llacNatural"])
	d.readSourceField(&f, p, custom["llacSource"])
	f.Description = p.get("description").text()
	if f.Description == "" {
		d.reportAt(orParent(p.get("description"), name), join(p.path, "description"),
			"write what the column contains, with its unit", "the description is missing")
	}
	f.Required, _ = p.get("required").flag()
	if unique := p.get("unique"); unique.exists() {
		d.report(unique, "use primaryKey, or a quality rule with metric: duplicateValues", "Llac does not enforce unique")
	}
	d.readType(&f, p)
	d.readOptions(&f, p.get("logicalTypeOptions"))
	d.readFormat(&f, custom["llacFormat"], p.get("logicalTypeOptions").get("format"))
	d.readZone(&f, custom["llacZone"])
	d.readRounding(&f, custom["llacRounding"])

	f.Classification = d.choiceOf(p.get("classification"), "public", "personal", "internal")
	d.readStaged(&f, p, custom["llacStaged"])
	if invalid, ok := custom["llacInvalid"]; ok {
		f.Invalid = RefusedPart(d.choiceOf(invalid, string(RefuseRow), string(RefuseCell)))
	}
	if repair, ok := custom["llacRepair"]; ok {
		f.Repair = Repair(d.choiceOf(repair, string(RepairThousands)))
		if f.Type != Integer && f.Type != "" {
			d.report(repair, "make the column's logicalType integer, or remove this", "only an integer column can have llacRepair")
		}
	}
	f.NullLiterals = d.stringsOf(custom["llacNullLiterals"])
	f.Squeeze = d.flagOf(custom["llacSqueeze"], false)
	f.PadLeft = d.wholeOf(custom["llacPadLeft"], 1, 0)
	f.Mapping = d.textMapOf(custom["llacMapping"])
	if f.Mapping != nil && len(f.Mapping) == 0 {
		d.report(custom["llacMapping"], "", "the mapping is empty: every value would be an error")
	}
	f.CheckDigit = d.stringOf(custom["llacCheckDigit"])
	if f.CheckDigit != "" && !slices.Contains(CheckDigits, f.CheckDigit) {
		d.report(custom["llacCheckDigit"], didYouMean(f.CheckDigit, CheckDigits),
			"unknown check-digit rule %q; use one of %s", f.CheckDigit, strings.Join(CheckDigits, ", "))
	}
	f.CheckDigitExempt = d.stringsOf(custom["llacCheckDigitExempt"])
	if len(f.CheckDigitExempt) > 0 && f.CheckDigit == "" {
		d.report(custom["llacCheckDigitExempt"], "add llacCheckDigit, or remove this",
			"llacCheckDigitExempt has no effect without llacCheckDigit")
	}
	if f.Type != Text && f.Type != "" {
		for name, set := range map[string]bool{"llacPadLeft": f.PadLeft > 0, "llacSqueeze": f.Squeeze,
			"llacCheckDigit": f.CheckDigit != ""} {
			if set {
				d.report(custom[name], "make the column's logicalType string, or remove this", "only a text column can have %s", name)
			}
		}
	}
	d.readReference(&f, p.get("relationships"))
	f.Match = d.readMatch(custom["llacMatch"])
	if def, ok := custom["llacDefault"]; ok {
		if text := d.stringOf(def); def.isText() {
			f.Default = &text
			if reason := f.refuses(text); reason != "" {
				d.report(def, "", "the default %q %s", text, reason)
			}
		}
	}
	for from, to := range f.Mapping {
		if reason := f.refuses(to); reason != "" {
			d.report(custom["llacMapping"].get(from), "", "the value %q %s", to, reason)
		}
	}
	return f, true
}

// readType decodes logicalType and physicalType.
func (d *document) readType(f *Field, p node) {
	logical := p.get("logicalType")
	switch logical.text() {
	case "string":
		f.Type = Text
	case "integer":
		f.Type = Integer
	case "boolean":
		f.Type = Boolean
	case "date":
		f.Type = Date
	case "timestamp":
		f.Type = Timestamp
	case "object", "array":
		f.Type = JSON
	case "number":
		f.Type = Number
		d.readDecimal(f, p.get("physicalType"))
	case "time":
		d.report(logical, "use string with a pattern", "Llac has no column type for a time of day")
	case "":
		if !logical.exists() {
			const types = "string, integer, number, boolean, date, timestamp, object or array"
			d.reportAt(p.get("name"), join(p.path, "logicalType"), "write "+types, "logicalType is missing")
		}
	}
}

func (d *document) readDecimal(f *Field, physical node) {
	text := physical.text()
	m := decimalType.FindStringSubmatch(text)
	if m == nil {
		if strings.HasPrefix(strings.ToLower(text), "dec") || strings.HasPrefix(strings.ToLower(text), "numeric") {
			d.report(physical, "write decimal(precision, scale), e.g. decimal(12, 2)", "%q is not a decimal type", text)
		}
		return
	}
	f.Type = Decimal
	f.Precision, _ = strconv.Atoi(m[1])
	f.Scale, _ = strconv.Atoi(m[2])
	if f.Precision < 1 || f.Precision > maxPrecision || f.Scale > f.Precision {
		d.report(physical, "", "a decimal must have a precision of 1 to 38 and a scale of at most the precision")
	}
}

// readOptions decodes logicalTypeOptions by type. It rejects options of the standard that Llac does not enforce, because a
// limit that is written and not enforced is worse than none.
func (d *document) readOptions(f *Field, options node) {
	if f.Type == "" {
		return // its type is unknown, which has been reported
	}
	for _, e := range options.entries() {
		switch {
		case e.name == "pattern" && f.Type == Text:
			f.Pattern = d.patternOf(e.value)
		case e.name == "minLength" && f.Type == Text:
			v := d.wholeOf(e.value, 0, 0)
			f.MinLength = &v
		case e.name == "maxLength" && f.Type == Text:
			v := d.wholeOf(e.value, 0, 0)
			f.MaxLength = &v
		case e.name == "minimum" && f.numeric():
			f.Minimum = numberOf(e.value)
		case e.name == "maximum" && f.numeric():
			f.Maximum = numberOf(e.value)
		case e.name == "format" && (f.Type == Date || f.Type == Timestamp): // see readFormat
		case e.name == "defaultTimezone" && f.Type == Timestamp:
			f.Zone = d.zoneOf(e.value)
		default:
			d.report(e.value, "use a quality rule instead, or remove it", "Llac does not enforce %s on a column of type %s", e.name, f.Type)
		}
	}
	if f.MinLength != nil && f.MaxLength != nil && *f.MinLength > *f.MaxLength {
		d.report(options, "", "minLength %d is above maxLength %d", *f.MinLength, *f.MaxLength)
	}
	if f.Minimum != nil && f.Maximum != nil && *f.Minimum > *f.Maximum {
		d.report(options, "", "minimum %v is above maximum %v", *f.Minimum, *f.Maximum)
	}
}

func (f Field) numeric() bool { return f.Type == Integer || f.Type == Number || f.Type == Decimal }

func numberOf(n node) *float64 {
	if v, ok := n.number(); ok {
		return &v
	}
	return nil // the standard's schema has reported it
}

// patternOf reads a regular expression of RE2.
func (d *document) patternOf(n node) string {
	text := d.stringOf(n)
	if _, err := regexp.Compile(text); err != nil {
		d.report(n, "see the RE2 syntax, which has no look-arounds and no back-references",
			"the pattern does not compile: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return ""
	}
	return text
}

var shorthand = regexp.MustCompile(`^([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)$`)

// readReference decodes the reference of a column, which may have only one.
func (d *document) readReference(f *Field, relationships node) {
	list := relationships.items()
	if len(list) == 0 {
		return
	}
	if len(list) > 1 {
		d.report(list[1], "keep one", "a column can reference at most one column")
	}
	to := list[0].get("to")
	if !to.exists() {
		return
	}
	m := shorthand.FindStringSubmatch(to.text())
	if m == nil {
		d.report(to, "write dataset.column, e.g. municipalities.municipality_id", "%q is not a reference", to.text())
		return
	}
	f.Reference = &Reference{Dataset: m[1], Column: m[2]}
}

// refuses returns why a text from the contract cannot be a value of the column; empty if it can.
func (f Field) refuses(text string) string {
	switch f.Type {
	case Boolean:
		if text != "true" && text != "false" {
			return "is neither true nor false"
		}
	case Date, Timestamp:
		if reason := f.refusesTime(text); reason != "" {
			return reason
		}
	}
	if f.numeric() {
		v, reason := f.magnitude(text)
		if reason != "" {
			return reason
		}
		if f.Minimum != nil && v < *f.Minimum || f.Maximum != nil && v > *f.Maximum {
			return "is outside the column's range"
		}
	}
	length := len([]rune(text))
	if f.MinLength != nil && length < *f.MinLength || f.MaxLength != nil && length > *f.MaxLength {
		return "does not have the column's length"
	}
	if f.Pattern != "" {
		// Patterns match the whole value, as they do when rows are cast.
		if whole, err := regexp.Compile(`^(?:` + f.Pattern + `)$`); err == nil && !whole.MatchString(text) {
			return fmt.Sprintf("does not match the column's pattern %s", f.Pattern)
		}
	}
	return ""
}
