package engine

// idescatCheck holds what each of the first five digits contributes to the sixth.
var idescatCheck = [5][10]byte{
	{0, 2, 4, 6, 8, 1, 3, 5, 7, 9},
	{0, 3, 8, 2, 7, 4, 1, 5, 9, 6},
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
	{0, 2, 4, 6, 8, 1, 3, 5, 7, 9},
	{0, 3, 8, 2, 7, 4, 1, 5, 9, 6},
}

// idescatMunicipality reports whether code is six digits whose last is the check digit of the first five. An Idescat
// code is the INE's five digits and a check digit that detects a mistyped digit or a lost leading zero.
func idescatMunicipality(code []byte) bool {
	if len(code) != 6 || !allDigits(code) {
		return false
	}
	sum := 0
	for i, weights := range idescatCheck {
		sum += int(weights[code[i]-'0'])
	}
	return (10-sum%10)%10 == int(code[5]-'0')
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}
