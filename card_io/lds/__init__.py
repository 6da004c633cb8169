"""The logical data structure of Doc 9303-10: MRZ, data groups, face records, SecurityInfos."""
