package config

import "strings"

// suggest says what an unknown key may have been meant to be.
func suggest(name string, known []string) string {
	if best := nearest(name, known); best != "" {
		return "did you mean " + best + "?"
	}
	return "remove it, or write one of " + strings.Join(known, ", ")
}

// nearest returns what name is a slip of; "" if it resembles nothing.
func nearest(name string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if len(name) > len(k)+least { // far too long: that takes time to find out
			continue
		}
		if d := distance(strings.ToLower(name), k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete or change to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
