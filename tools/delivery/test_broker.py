"""python -m unittest discover -s tools/delivery"""
import base64
import unittest
import uuid

from broker import new_cluster_id


class ClusterId(unittest.TestCase):

    def test_an_id_that_would_be_read_as_an_option_is_not_used(self):
        option, other = uuid.UUID(int=0xf8 << 120), uuid.UUID(int=0x10 << 120)
        self.assertTrue(base64.urlsafe_b64encode(option.bytes).startswith(b"-"))
        source = iter([option, option, other])
        self.assertEqual("EAAAAAAAAAAAAAAAAAAAAA", new_cluster_id(lambda: next(source)))

    def test_random_ids_have_sixteen_bytes_and_differ(self):
        ids = {new_cluster_id() for _ in range(2000)}
        self.assertEqual(2000, len(ids))
        for each in ids:
            self.assertFalse(each.startswith("-"), each)
            self.assertEqual(16, len(base64.urlsafe_b64decode(each + "==")))


if __name__ == "__main__":
    unittest.main()
