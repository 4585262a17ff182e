def ends_without_a_line_feed():
    if x:
        return 1